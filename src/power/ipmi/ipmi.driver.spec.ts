import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ProcessError } from '../../platform/process/index.js';
import { PowerDriverRegistry } from '../driver-registry.js';
import { IpmiPowerDriver } from './ipmi.driver.js';

const parameters = { host: '10.0.0.9', user: 'ada', password: 'pa$s; word', 'cipher-suite': '3' };
const target = { machineId: 'm1', driver: 'ipmi', parameters };
const { signal } = new AbortController();

/** Answers each command with a fixed text and keeps what it was called with. */
function fixed(answers: Record<string, string>) {
  const calls: string[][] = [];
  const driver = new IpmiPowerDriver((argv) => {
    calls.push([...argv]);
    const command = argv.slice(argv.indexOf('-R') + 2).join(' ');
    const answer = answers[command];
    return answer === undefined ? Promise.reject(new Error(`unexpected: ${command}`)) : Promise.resolve(answer);
  });
  const commands = () => calls.map((argv) => argv.slice(argv.indexOf('-R') + 2).join(' '));
  return { driver, calls, commands };
}

function failing(stderr: string) {
  return new IpmiPowerDriver((argv) =>
    Promise.reject(new ProcessError(argv, { code: 1, signal: null, stdout: '', stderr }, 'exit code 1')),
  );
}

it('hands the password over in a file that only we can read, which is gone afterwards', async () => {
  let seen = { content: '', mode: 0, path: '' };
  const driver = new IpmiPowerDriver((argv) => {
    const path = argv[argv.indexOf('-f') + 1]!;
    seen = { path, content: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777 };
    expect(argv.join(' ')).not.toContain(parameters.password);
    return Promise.resolve('');
  });
  await driver.on(target, signal);
  expect(seen).toMatchObject({ content: parameters.password, mode: 0o600 });
  expect(() => statSync(seen.path)).toThrow(/ENOENT/);
});

it('calls ipmitool with the controller, the user and the cipher suite', async () => {
  const { driver, calls } = fixed({ 'chassis power on': '' });
  await driver.on(target, signal);
  expect(calls[0]!.map((each) => (each.startsWith('/') ? 'FILE' : each)).join(' ')).toBe(
    'ipmitool -v -I lanplus -H 10.0.0.9 -p 623 -U ada -f FILE -L ADMINISTRATOR -C 3 -N 2 -R 2 chassis power on',
  );
});

it('switches on what is off when asked to cycle', async () => {
  const { driver, commands } = fixed({ 'chassis power status': 'Chassis Power is off\n', 'chassis power on': '' });
  await driver.cycle(target, signal);
  expect(commands()).toEqual(['chassis power status', 'chassis power on']);
});

it('asks for UEFI where the machine boots by it', async () => {
  const { driver, commands } = fixed({ 'chassis bootdev pxe options=efiboot': '' });
  await driver.bootOnceFromNetwork({ ...target, parameters: { ...parameters, firmware: 'uefi' } }, signal);
  expect(commands()).toEqual(['chassis bootdev pxe options=efiboot']);
});

it('reads the GUID', async () => {
  const { driver } = fixed({ 'raw 0x06 0x37': ' 32 31 4b 4f c0 b4 58 80 10 4a\n 42 00 44 45 4c 4c\n' });
  expect(await driver.uuid(target, signal)).toBe('4c4c4544-0042-4a10-8058-b4c04f4b3132');
});

it.each(['', 'Chassis Power is', 'Chassis Power is maybe', 'x'.repeat(100_000)])(
  'does not take %.30j for a state',
  async (answer) => {
    const { driver } = fixed({ 'chassis power status': answer });
    await expect(driver.status(target, signal)).rejects.toMatchObject({ failure: 'refused' });
  },
);

describe('what went wrong', () => {
  it.each([
    ['Error: Unable to establish IPMI v2 / RMCP+ session', 'unreachable'],
    ['> RAKP 2 HMAC is invalid\nError: Unable to establish IPMI v2 / RMCP+ session', 'misconfigured'],
    ['> Error: no response from RAKP 1 message\nError: Unable to establish IPMI v2 / RMCP+ session', 'unreachable'],
    ['Error in open session response message : no matching cipher suite', 'misconfigured'],
    ['Set Chassis Power Control to Up/On failed: Node busy', 'refused'],
  ])('is known from %j', async (stderr, failure) => {
    await expect(failing(stderr).on(target, signal)).rejects.toMatchObject({ failure });
  });
});

it.each([
  ['host', '-oProxyCommand=x'],
  ['host', 'a b'],
  ['port', '0'],
  ['cipher-suite', 'all'],
  ['password', 'longer than twenty bytes'],
])('refuses %s=%j', (name, value) => {
  expect(() => {
    new PowerDriverRegistry([new IpmiPowerDriver()]).validate('ipmi', { ...parameters, [name]: value });
  }).toThrow(`"${name}"`);
});
