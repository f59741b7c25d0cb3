import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing } from '../support/lxd-server.js';
import { OwnComputer } from '../support/own-computer.js';
import { PageWalk, pageSteps } from '../support/page-walk.js';

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(isLxdMissing)('a computer where muster never ran', () => {
  let computer: OwnComputer;
  let walk: PageWalk | null = null;

  beforeAll(async () => {
    computer = await OwnComputer.start({ bridge: 'mlocal0', address: '10.179.14.1/24' });
  });
  afterAll(async () => {
    walk?.end();
    await computer.stop();
  });
  const muster = (...argv: string[]) => computer.muster(...argv);

  it('has a node after one command, with a server, an image and LXD made ready on the way', async () => {
    expect(await muster('up', 'ubuntu', '--on', 'localhost', '--base', 'debian@12', '--yes')).toContain('ubuntu is up');
    expect(computer.containers('ns')).toBe('ubuntu-ubuntu-0,RUNNING');
    // The server is not root, and has no part in anybody's network.
    expect(computer.log).not.toContain('everything runs as root');
    expect(computer.log).not.toContain('"boot"');
  });

  it('shows the node and takes us to it', async () => {
    expect(await muster('status', 'ubuntu')).toContain('ubuntu-ubuntu-0');
    expect(await muster('exec', 'ubuntu:ubuntu/0', '--', 'cat', '/etc/os-release')).toContain('bookworm');
  });

  const birth = () =>
    (JSON.parse(computer.lxd.lxc('query', '/1.0/instances/ubuntu-ubuntu-0?project=muster')) as { created_at: string })
      .created_at;

  it('does nothing the second time', async () => {
    const before = birth();
    await muster('up', 'ubuntu', '--on', 'localhost', '--base', 'debian@12', '--yes');
    expect(birth()).toBe(before);
  });

  it.each([
    ['up', 'ubuntu', '--on', 'localhost', '--base', 'debian@12', '--replace', 'ubuntu-0'],
    ['retry', 'ubuntu', '--replace', 'ubuntu-0'],
  ])('makes the node anew by `%s %s`', async (...argv) => {
    const before = birth();
    await muster(...argv, '--yes');
    expect(birth()).not.toBe(before);
    expect(await muster('exec', 'ubuntu:ubuntu/0', '--', 'cat', '/etc/os-release')).toContain('bookworm');
  });

  // Here, because a server and LXD of their own would take twice as long.
  describe.each(['authoring-bundles', 'authoring-roles'])('the page %s', (name) => {
    const page = readFileSync(join(import.meta.dirname, `../../docs/${name}.md`), 'utf8');
    it.each(pageSteps(page).map((step) => [step.line, step] as const))('is right from line %i on', async (_, step) => {
      walk ??= new PageWalk(join(import.meta.dirname, '../..'), computer.environment);
      await walk.do(step);
    });
  });

  it('tests a role of the library on a throw-away container', async () => {
    expect(await muster('roles', 'test', 'hello')).toBe('hello: laid down twice, verified and removed\n');
    expect(computer.containers()).not.toContain('test-hello');
  });

  it('has nothing left of it after `down`, and no process after `serve --stop`', async () => {
    await muster('down', 'ubuntu', '--yes');
    expect(computer.containers()).toBe('');
    const pid = Number(readFileSync(join(computer.dataDir, 'serve.pid'), 'utf8'));
    expect(await muster('serve', '--stop')).toContain('has ended');
    // Nothing, or what its parent has not looked at yet.
    expect(commandOf(pid)).toBe('');
    await expect(muster('status')).rejects.toThrow(/cannot reach/);
  });
});

describe('a page is not right', () => {
  const walked = async (page: string) => {
    const walk = new PageWalk('/', process.env);
    try {
      for (const step of pageSteps(page)) await walk.do(step);
    } finally {
      walk.end();
    }
  };

  it('where a command of it fails, also one that is not the last', async () => {
    await expect(walked('```bash\nfalse\ntrue\n```\n')).rejects.toThrow(/line 1: exit code 1/);
  });

  it('where what it shows does not come, or not in that order', async () => {
    const shows = (text: string) =>
      walked(`\`\`\`bash\nx=1\necho "a $x b"; echo c >&2\n\`\`\`\n\n\`\`\`text\n${text}\n\`\`\`\n`);
    await shows('a … b\nc');
    await expect(shows('c\na 1 b')).rejects.toThrow(/"a 1 b" is not in/);
    await expect(shows('a b')).rejects.toThrow(/"a b" is not in/);
  });
});
