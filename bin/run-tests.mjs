// Runs the test projects one after another, the unit tests beside them, and ends with one line, `N passed, N failed, N skipped`,
// summed over all. Exit code 0 only when tests ran and none failed.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcessesOf } from './test-leftovers.mjs';

const PROJECTS = ['unit', 'integration', 'e2e'];

/** All that the tests write, and by this name what they leave is found. Short: paths of sockets end at 107 bytes. */
const dir = mkdtempSync(join(tmpdir(), 'mt-'));
chmodSync(dir, 0o1777);
const total = { passed: 0, failed: 0, skipped: 0 };
const chosen = process.argv.length > 2 ? process.argv.slice(2) : PROJECTS;
/** All of them together; what hangs is a failure, not a wait. Clusters are laid several times over, one after another. */
const LIMIT_MS = (chosen.includes('kubernetes') ? 120 : 40) * 60_000;
const deadline = Date.now() + LIMIT_MS;

/** The others wait more than they compute; unit tests compute, and give way to them. */
const beside = chosen.filter((project) => project === 'unit');
const inTurn = chosen.filter((project) => project !== 'unit');

await Promise.all([runAll(beside), runAll(inTurn)]);
rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
console.log(line(total));

async function runAll(projects) {
  for (const project of projects) await runOne(project);
}

async function runOne(project) {
  const began = Date.now();
  const file = join(dir, `${project}.json`);
  const code = await runProject(project, file);
  const counts = countOf(project, file, code);
  for (const key of Object.keys(total)) total[key] += counts[key];
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${project}: ${line(counts)} (${seconds} s)`);
}

function line({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

async function runProject(project, file) {
  const testsDir = join(dir, project.at(0));
  mkdirSync(testsDir);
  chmodSync(testsDir, 0o1777);
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const child = spawn(process.execPath, [vitest, 'run', '--project', project, ...reporters], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TMPDIR: testsDir },
  });
  if (project === 'unit') setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const timer = setTimeout(
    () => {
      console.log(`${project}: not done after ${LIMIT_MS / 60_000} minutes, stopping it`);
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 20_000).unref();
    },
    Math.max(1000, deadline - Date.now()),
  );
  const code = await new Promise((resolve) => child.once('exit', (exit) => resolve(exit ?? 1)));
  clearTimeout(timer);
  const left = await endProcessesOf(testsDir);
  if (left.length > 0) console.log(`${project}: ended what was left running:\n  ${left.join('\n  ')}`);
  return code;
}

function countOf(project, file, code) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of resultsOf(file)) {
    const statuses = suite.assertionResults.map((each) => each.status);
    counts.passed += statuses.filter((status) => status === 'passed').length;
    const failed = statuses.filter((status) => status === 'failed').length;
    // A file that fails to load, or whose set-up fails, has no failed test of its own.
    counts.failed += suite.status === 'failed' ? Math.max(1, failed) : failed;
    counts.skipped += statuses.filter((status) => status !== 'passed' && status !== 'failed').length;
  }
  // An error outside of any test, or a runner that died before it wrote anything.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  if (code === 0 && counts.passed === 0) {
    console.log(`${project}: no test ran`);
    counts.failed = 1;
  }
  return counts;
}

function resultsOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch {
    return []; // counted as a failure by the exit code, or because nothing passed
  }
}
