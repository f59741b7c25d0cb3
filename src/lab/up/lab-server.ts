import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { MusterError } from '../../error.js';
import { systemClock } from '../../platform/clock.js';
import { inheritedEnvironment } from '../../platform/config/index.js';
import { isAlive, startDetached } from '../rack/processes.js';
import type { Rack } from '../rack/rack.js';
import { inLab, type LabPlaces, musterCommand } from './lab-places.js';

const START_MS = 120_000;
/** On the rack's loopback: the server gets out by it, machines do not. */
const GATEWAY_PORT = 3128;

/** The environment of `muster` in the lab, server and command alike. */
export function labEnvironment(places: LabPlaces): Record<string, string> {
  return {
    ...cleanEnvironment(),
    MUSTER_DATA_DIR: inLab.dataDir(places),
    MUSTER_IMAGES_CACHE_DIR: inLab.imageCache(places),
    // What a machine says while it boots lands in its serial log.
    MUSTER_BOOT_KERNEL_ARGUMENTS: 'console=ttyS0',
  };
}

/** This process's environment without any setting of muster's. */
export function cleanEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inheritedEnvironment()).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(MUSTER_|DATABASE_URL|REDIS_URL)/.test(entry[0]),
    ),
  );
}

/** Starts `muster serve` inside the rack's network, and the gateway that lets it fetch packages. */
export async function startLabServer(
  rack: Rack,
  places: LabPlaces,
  tell: (text: string) => void,
  settings: Record<string, string> = {},
): Promise<void> {
  await startGateway(rack, places);
  await startRouterAdvertisements(rack, places);
  const proxy = `http://127.0.0.1:${GATEWAY_PORT}`;
  const log = inLab.serverLog(places);
  const server = await rack.start([...musterCommand(), 'serve'], 'muster serve', log, {
    ...labEnvironment(places),
    ...settings,
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: '127.0.0.1,localhost,10.99.0.0/24',
  });
  tell('waiting for the server');
  for (let waited = 0; waited < START_MS; waited += 100) {
    if (/muster is ready/.test(readFileSync(log, 'utf8'))) return;
    if (!isAlive(server)) break;
    await systemClock.sleep(100);
  }
  const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new MusterError('unavailable', `cannot start the lab's server:\n${tail}`, { hint: `the whole log: ${log}` });
}

/** UEFI's iPXE waits 17 s for a router's word on IPv6; one that says "here is no DHCPv6" lets it go on at once. */
async function startRouterAdvertisements(rack: Rack, places: LabPlaces): Promise<void> {
  const dnsmasq = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-hosts', '--no-resolv', '--port=0'];
  const only = ['--interface=br0', '--bind-interfaces', '--enable-ra', '--dhcp-range=::,constructor:br0,ra-only'];
  const quiet = ['--user=root', '--pid-file=', '--leasefile-ro', '--log-facility=-'];
  await rack.start([...dnsmasq, ...only, ...quiet], 'router advertisements', inLab.routerLog(places));
}

async function startGateway(rack: Rack, places: LabPlaces): Promise<void> {
  const socket = inLab.gatewaySocket(places);
  const log = inLab.gatewayLog(places);
  const gateway = await startDetached([...musterCommand(), 'lab', 'package-gateway', socket], {
    what: 'package gateway',
    outputFile: log,
  });
  rack.record(gateway);
  for (let waited = 0; waited < 15_000 && !existsSync(socket) && isAlive(gateway); waited += 50) {
    await systemClock.sleep(50);
  }
  if (!existsSync(socket))
    throw new MusterError('internal', 'cannot start the package gateway', { hint: `see ${log}` });
  const listen = `TCP-LISTEN:${GATEWAY_PORT},bind=127.0.0.1,fork,reuseaddr`;
  await rack.start(['socat', listen, `UNIX-CONNECT:${socket}`], 'package relay', log);
}

/** A program that runs the command inside the lab, for people. */
export function writeLabCommand(rack: Rack, places: LabPlaces): void {
  const words = ['ip', 'netns', 'exec', rack.namespace, 'env', `MUSTER_DATA_DIR=${inLab.dataDir(places)}`];
  const quoted = [...words, ...musterCommand()].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  writeFileSync(inLab.command(places), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
}
