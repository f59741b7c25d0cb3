// What a run of the tests left behind, above all one that was stopped: servers, virtual machines, network namespaces.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const GRACE_MS = 2000;

/** Ends the processes whose temporary folder is this one, and removes the namespaces they were in. Gives their commands. */
export async function endProcessesOf(tmpDir) {
  if (processesOf(tmpDir).length === 0) return [];
  // What is just going needs no help.
  await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
  const left = processesOf(tmpDir);
  const namespaces = new Set(left.flatMap(({ pid }) => namespaceOf(pid)));
  for (const { pid } of left) kill(pid);
  for (const name of namespaces) run('ip', ['netns', 'delete', name]);
  return left.map(({ pid, command }) => `${pid} ${command}`);
}

function processesOf(tmpDir) {
  const marker = `TMPDIR=${tmpDir}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(marker))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120) }));
}

function namespaceOf(pid) {
  const name = run('ip', ['netns', 'identify', String(pid)]).trim();
  return name === '' ? [] : [name];
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone by itself
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // gone, or not ours
  }
}

function run(program, args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
