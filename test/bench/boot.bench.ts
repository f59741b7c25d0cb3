import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../../src/api/contract/index.js';
import type { Firmware, RackMachine } from '../../src/lab/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { NetbootRack } from '../support/netboot-rack.js';
import { goal, median, round, type Bench } from './bench.js';

const ROUNDS = 1;
const FIRMWARE = ['bios', 'uefi'] as const satisfies readonly Firmware[];
const LIMIT_MS = 600_000;
/**
 * Seconds of the same work done by hand (a boot server of dnsmasq and Python, a script for each step), measured once on
 * an idle computer like this one: power-on to posted facts, and to SSH on the installed disk.
 */
const BY_HAND = { bios: { facts: 4.8, ssh: 66.7 }, uefi: { facts: 11.5, ssh: 69 } } as const;

interface Figure {
  facts: number;
  ssh: number;
}

/** Resolves when the machine's console says it. The console is a file: looking does not slow the machine. */
async function untilConsole(machine: RackMachine, text: string): Promise<void> {
  for (let waited = 0; waited < LIMIT_MS; waited += 20) {
    if (existsSync(machine.serialLog) && readFileSync(machine.serialLog, 'latin1').includes(text)) return;
    await systemClock.sleep(20);
  }
  throw new Error(`${machine.name} never said "${text}"`);
}

/** From the button to the agent's word that muster has the facts. */
async function powerOnToFacts(lab: NetbootRack, machine: RackMachine): Promise<number> {
  const begin = performance.now();
  await lab.press(machine.name, 'on');
  await untilConsole(machine, 'order facts done: ok');
  const seconds = (performance.now() - begin) / 1000;
  await lab.press(machine.name, 'off');
  return seconds;
}

/** The run that deploys a machine which is off: power on, agent, disk, restart, SSH with the pinned key. */
async function powerOnToSsh(lab: NetbootRack, machine: RackMachine, key: string): Promise<number> {
  const known = await lab.find(machine.name);
  if (known === null) throw new Error(`${machine.name} is not known`);
  await lab.muster('machines', 'set-power', known.name, '--power', 'qemu', '-p', `socket=${machine.socket}`);
  await lab.muster('machines', 'commission', known.name);
  const words = ['machines', 'deploy', known.name, '--image', 'debian@12', '--ssh-key', key, '--yes'];
  const run = await lab.muster<Run>(...words);
  if (run.status !== 'succeeded') throw new Error(`${run.title}: ${run.status} (${run.reason ?? ''})`);
  await lab.press(machine.name, 'off');
  return (Date.parse(run.endedAt ?? '') - Date.parse(run.startedAt ?? '')) / 1000;
}

async function prepare(lab: NetbootRack): Promise<void> {
  await lab.startServer();
  for (const image of ['memory', 'debian@12']) await lab.muster('images', 'build', image, '--kernel', 'cloud');
  await lab.muster(
    ...['subnets', 'create', 'bench', '10.99.0.0/24', '--gateway', '10.99.0.1', '--mode', 'serve'],
    ...['--range', '10.99.0.100-10.99.0.199'],
  );
  await lab.muster('accept-rules', 'create', 'bench', 'any');
}

export const bench: Bench = {
  name: 'boot',
  async run(say) {
    const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
    const key = join(dir, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const lab = await NetbootRack.create(`muster-bench-${process.pid}`);
    const figures: Record<Firmware, Figure[]> = { bios: [], uefi: [] };
    try {
      await prepare(lab);
      for (let turn = 1; turn <= ROUNDS; turn++) {
        for (const firmware of FIRMWARE) {
          const machine = await lab.addMachine({ name: `${firmware}-${turn}`, firmware });
          const facts = await powerOnToFacts(lab, machine);
          const ssh = await powerOnToSsh(lab, machine, `${key}.pub`);
          figures[firmware].push({ facts, ssh });
          say(`round ${turn} of ${ROUNDS}: ${firmware}: facts after ${round(facts)} s, SSH after ${round(ssh)} s`);
        }
      }
    } finally {
      await lab.destroy();
      rmSync(dir, { recursive: true, force: true });
    }
    const of = (firmware: Firmware, what: keyof Figure) => median(figures[firmware].map((figure) => figure[what]));
    return {
      load:
        `One QEMU machine at a time in software emulation, one virtual processor, Debian's cloud kernel, ${cpus().length} cores; ` +
        `${ROUNDS} round. SSH: the run that deploys debian@12 to the disk of a commissioned machine that is ` +
        `off. By hand: figures of another day.`,
      results: [
        ...FIRMWARE.flatMap((firmware) => [
          {
            who: 'muster',
            firmware,
            'facts, s': round(of(firmware, 'facts')),
            'SSH on disk, s': round(of(firmware, 'ssh')),
          },
          { who: 'by hand', firmware, 'facts, s': BY_HAND[firmware].facts, 'SSH on disk, s': BY_HAND[firmware].ssh },
        ]),
      ],
      goals: [
        ...FIRMWARE.flatMap((firmware) => [
          goal(`${firmware}: facts, by hand / muster`, BY_HAND[firmware].facts / of(firmware, 'facts'), 0.8),
          goal(`${firmware}: SSH, by hand / muster`, BY_HAND[firmware].ssh / of(firmware, 'ssh'), 0.8),
        ]),
      ],
    };
  },
};
