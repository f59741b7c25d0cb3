import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DryRunRemote,
  HostKeyMismatchError,
  RemoteRefusedError,
  RemoteUnreachableError,
  SshRemote,
} from '../../src/platform/remote/index.js';
import { Sshd } from '../support/sshd.js';

let sshd: Sshd;
let remote: SshRemote;
beforeAll(async () => {
  sshd = await Sshd.start();
});
afterAll(() => sshd.stop());
beforeEach(() => {
  remote = new SshRemote({ idleCloseMs: 200, connectTimeoutMs: 3000 });
});
afterEach(() => remote.close());

describe('a remote shell', () => {
  it('runs an argument vector, of which nothing is code', async () => {
    const shell = await remote.connect(sshd.target);
    const odd = ['a b', "it's", '$HOME', '`id`', '*', '', '\\', 'new\nline', '; false'];
    const result = await shell.exec(['printf', '<%s>', ...odd]);
    expect(result).toEqual({ code: 0, stdout: odd.map((one) => `<${one}>`).join(''), stderr: '' });
    await shell.close();
  });

  it('gives exit codes, signals, both outputs, and takes input', async () => {
    const shell = await remote.connect(sshd.target);
    expect(await shell.exec(['sh', '-c', 'cat; echo bad >&2; exit 3'], { stdin: 'text' })).toEqual({
      code: 3,
      stdout: 'text',
      stderr: 'bad\n',
    });
    expect((await shell.exec(['sh', '-c', 'kill -9 $$'])).code).toBeNull();
    const big = Buffer.alloc(300_000, 'x');
    expect((await shell.exec(['wc', '-c'], { stdin: big })).stdout.trim()).toBe('300000');
    await shell.close();
  });

  it('writes files whole', async () => {
    const path = join(sshd.dir, 'a file');
    const shell = await remote.connect(sshd.target);
    await shell.putFile(path, 'first', 0o600);
    await shell.putFile(path, Buffer.from([0, 1, 255]), 0o640);
    expect(readFileSync(path)).toEqual(Buffer.from([0, 1, 255]));
    expect(statSync(path).mode & 0o777).toBe(0o640);
    await expect(shell.putFile('/nowhere/x', '', 0o600)).rejects.toThrow(/cannot write \/nowhere\/x/);
    await shell.close();
  });

  it('ends a command at its time limit and on abort', async () => {
    const shell = await remote.connect(sshd.target);
    await expect(shell.exec(['sleep', '3'], { timeoutMs: 200 })).rejects.toThrow(/within 200 ms/);
    const aborter = new AbortController();
    setTimeout(() => aborter.abort(new Error('enough')), 100);
    await expect(shell.exec(['sleep', '3'], { signal: aborter.signal })).rejects.toThrow('enough');
    expect((await shell.exec(['echo', 'still'])).stdout).toBe('still\n');
    await shell.close();
  });
});

describe('a connection', () => {
  it('is shared while it is used, and closed when idle', async () => {
    const connections = () => readFileSync('/proc/net/tcp', 'utf8').split('\n').filter(isOurs).length;
    const hex = sshd.port.toString(16).toUpperCase().padStart(4, '0');
    // Local port ours, state 01: established.
    const isOurs = (line: string) => new RegExp(`^\\s*\\d+: \\w+:${hex} \\w+:\\w+ 01 `).test(line);
    const shells = await Promise.all(Array.from({ length: 5 }, () => remote.connect(sshd.target)));
    await Promise.all(shells.map((shell) => shell.exec(['true'])));
    expect(connections()).toBe(1);
    await Promise.all(shells.map((shell) => shell.close()));
    await sleep(600);
    expect(connections()).toBe(0);
  });

  it('is refused where the host key is not the pinned one', async () => {
    sshd.makeKey('other');
    const target = { ...sshd.target, hostKeys: [readFileSync(join(sshd.dir, 'other.pub'), 'utf8')] };
    await expect(remote.connect(target)).rejects.toBeInstanceOf(HostKeyMismatchError);
    await expect(remote.connect({ ...target, hostKeys: [] })).rejects.toThrow(/no host key is pinned/);
    await expect(remote.connect({ ...target, hostKeys: ['ssh-ed25519 nonsense'] })).rejects.toThrow(/host key/);
  });

  it('goes through another host, whose key is pinned too', async () => {
    const jump = await Sshd.start();
    try {
      const via = { ...jump.target, name: 'jump' };
      const through = { ...sshd.target, via };
      const shell = await remote.connect(through);
      const big = 'x'.repeat(3_000_000);
      expect((await shell.exec(['wc', '-c'], { stdin: big })).stdout.trim()).toBe('3000000');
      await shell.close();
      await expect(remote.connect({ ...through, via: { ...via, hostKeys: sshd.target.hostKeys } })).rejects.toThrow(
        HostKeyMismatchError,
      );
      await expect(remote.connect({ ...through, hostKeys: jump.target.hostKeys })).rejects.toThrow(
        HostKeyMismatchError,
      );
      await expect(remote.connect({ ...through, port: 1 })).rejects.toThrow(RemoteUnreachableError);
      const running = (await remote.connect(through)).exec(['sleep', '5']);
      running.catch(() => undefined);
      await sleep(200);
      await jump.cut();
      await expect(running).rejects.toBeInstanceOf(RemoteUnreachableError);
    } finally {
      await jump.stop();
    }
  });

  it('says so where our key is refused', async () => {
    sshd.makeKey('stranger');
    const target = { ...sshd.target, privateKey: readFileSync(join(sshd.dir, 'stranger'), 'utf8') };
    await expect(remote.connect(target)).rejects.toBeInstanceOf(RemoteRefusedError);
  });

  it('says so where nothing answers', async () => {
    await expect(remote.connect({ ...sshd.target, port: 1 })).rejects.toBeInstanceOf(RemoteUnreachableError);
  });

  it('that is cut fails what runs on it, and is opened anew', async () => {
    const shell = await remote.connect(sshd.target);
    const running = shell.exec(['sleep', '3']);
    running.catch(() => undefined);
    await sleep(200);
    await sshd.cut();
    await expect(running).rejects.toBeInstanceOf(RemoteUnreachableError);
    await expect(shell.exec(['true'])).rejects.toBeInstanceOf(RemoteUnreachableError);
    await sshd.up();
    const again = await remote.connect(sshd.target);
    expect((await again.exec(['echo', 'back'])).stdout).toBe('back\n');
    await again.close();
  });
});

it('a dry run looks but changes nothing', async () => {
  const told: string[] = [];
  const shell = await new DryRunRemote(remote, (line) => told.push(line)).connect(sshd.target);
  const path = join(sshd.dir, 'untouched');
  expect((await shell.exec(['echo', 'real'], { readOnly: true })).stdout).toBe('real\n');
  expect(await shell.exec(['touch', path])).toEqual({ code: 0, stdout: '', stderr: '' });
  await shell.putFile(path, 'abc', 0o600);
  expect(existsSync(path)).toBe(false);
  expect(told).toEqual([`root@127.0.0.1: touch ${path}`, `root@127.0.0.1: write 3 bytes to ${path}, mode 600`]);
  await shell.close();
});
