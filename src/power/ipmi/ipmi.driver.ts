import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../error.js';
import { ProcessError, runProcess } from '../../platform/process/index.js';
import { decodeGuid } from '../../protocol/ipmi/index.js';
import { checkHost, checkOneOf, checkPort } from '../parameter-checks.js';
import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerParameter, PowerState, PowerTarget } from '../power.js';

/** Runs ipmitool with these arguments; gives its output, throws ProcessError. */
export type RunIpmitool = (argv: readonly string[], signal: AbortSignal) => Promise<string>;

const run: RunIpmitool = async (argv, signal) => (await runProcess(argv, { signal })).stdout;

const optional = (name: string, summary: string, check?: PowerParameter['check']): PowerParameter => ({
  name,
  required: false,
  secret: false,
  summary,
  ...(check && { check }),
});

/** Baseboard management controllers that speak IPMI 2.0 over the network, through ipmitool. */
export class IpmiPowerDriver implements PowerDriver {
  readonly name = 'ipmi';
  readonly parameters: readonly PowerParameter[] = [
    { name: 'host', required: true, secret: false, summary: 'Address of the controller', check: checkHost },
    { name: 'user', required: true, secret: false, summary: 'User of the controller' },
    {
      name: 'password',
      required: true,
      secret: true,
      summary: 'Password, 20 bytes at most',
      // IPMI 2.0 section 22.30: longer ones are cut by some controllers and refused by others.
      check: (value) => (Buffer.byteLength(value) <= 20 ? null : 'is longer than the 20 bytes that IPMI knows'),
    },
    optional('port', 'UDP port (623)', checkPort),
    optional('cipher-suite', 'Cipher suite (17; old controllers know 3)', (value) =>
      /^\d{1,2}$/.test(value) ? null : `is no cipher suite: ${value}`,
    ),
    optional('privilege', 'Privilege level (ADMINISTRATOR)', checkOneOf('OPERATOR', 'ADMINISTRATOR')),
    optional('firmware', 'bios or uefi: how the machine boots from the network', checkOneOf('bios', 'uefi')),
  ];

  constructor(private readonly ipmitool: RunIpmitool = run) {}

  async on(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.call(target, ['chassis', 'power', 'on'], signal);
  }

  async off(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.call(target, ['chassis', 'power', 'off'], signal);
  }

  async cycle(target: PowerTarget, signal: AbortSignal): Promise<void> {
    // A power cycle of a machine that is off is an error by IPMI 2.0, section 28.3.
    const verb = (await this.status(target, signal)) === 'off' ? 'on' : 'cycle';
    await this.call(target, ['chassis', 'power', verb], signal);
  }

  async status(target: PowerTarget, signal: AbortSignal): Promise<PowerState> {
    const answer = await this.call(target, ['chassis', 'power', 'status'], signal);
    const state = /^Chassis Power is (on|off)\s*$/im.exec(answer)?.[1]?.toLowerCase();
    if (state !== 'on' && state !== 'off') throw unreadable(answer);
    return state;
  }

  async bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean> {
    const options = target.parameters['firmware'] === 'uefi' ? ['options=efiboot'] : [];
    await this.call(target, ['chassis', 'bootdev', 'pxe', ...options], signal);
    return true;
  }

  /** Get System GUID, asked for raw: ipmitool's own reading differs between its versions. */
  async uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null> {
    const answer = await this.call(target, ['raw', '0x06', '0x37'], signal);
    const guid = decodeGuid(Buffer.from(answer.replace(/\s+/g, ''), 'hex'));
    if (guid === null) throw unreadable(answer);
    return guid;
  }

  /** The password travels in a file that only we can read: an argument list is public on the computer. */
  private async call(target: PowerTarget, command: readonly string[], signal: AbortSignal): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'muster-ipmi-'));
    try {
      const passwordFile = join(dir, 'password');
      await writeFile(passwordFile, target.parameters['password'] ?? '', { mode: 0o600 });
      return await this.ipmitool([...connection(target.parameters, passwordFile), ...command], signal);
    } catch (thrown) {
      throw explain(thrown);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}

function connection(parameters: Record<string, string>, passwordFile: string): string[] {
  const { host = '', user = '' } = parameters;
  return [
    // Without -v a wrong password looks like a controller that does not answer.
    ...['ipmitool', '-v', '-I', 'lanplus', '-H', host, '-p', parameters['port'] ?? '623'],
    ...['-U', user, '-f', passwordFile, '-L', parameters['privilege'] ?? 'ADMINISTRATOR'],
    ...['-C', parameters['cipher-suite'] ?? '17', '-N', '2', '-R', '2'],
  ];
}

function explain(thrown: unknown): PowerError {
  if (!(thrown instanceof ProcessError)) return new PowerError('refused', messageOf(thrown), { cause: thrown });
  const { stdout, stderr } = thrown.result;
  const lines = `${stderr}\n${stdout}`.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Loading '));
  const said = lines.join('; ').slice(0, 300);
  if (/ENOENT/.test(thrown.message)) {
    return new PowerError('misconfigured', 'cannot find ipmitool', { hint: 'apt-get install ipmitool', cause: thrown });
  }
  if (
    /RAKP \d (HMAC is invalid|message indicates)|unauthorized name|invalid user name|insufficient privilege/i.test(said)
  ) {
    return new PowerError('misconfigured', `cannot log in to the controller: ${said}`, {
      hint: 'check user, password and privilege of the power record',
      cause: thrown,
    });
  }
  if (/cipher suite|no matching|algorithm/i.test(said)) {
    return new PowerError('misconfigured', `cannot agree on a cipher suite: ${said}`, {
      hint: 'set the parameter cipher-suite=3, which old controllers need',
      cause: thrown,
    });
  }
  const failure = /unable to establish|authentication capabilities|timed? ?out|resolve|unreachable/i.test(said)
    ? 'unreachable'
    : 'refused';
  return new PowerError(failure, `cannot do it by IPMI: ${said === '' ? thrown.message : said}`, { cause: thrown });
}

function unreadable(answer: string): PowerError {
  return new PowerError('refused', `cannot read the controller's answer: ${JSON.stringify(answer.slice(0, 120))}`);
}
