// The status page. No framework; everything that came from outside goes in as text, never as markup.

const byId = (id) => document.getElementById(id);
const KEY = 'muster.token';
const OPEN = ['queued', 'running', 'paused'];
const TONE = {
  succeeded: 'good',
  ready: 'good',
  deployed: 'good',
  running: 'busy',
  working: 'busy',
  queued: 'busy',
  failed: 'bad',
  broken: 'bad',
  'needs-operator': 'bad',
};

let token = sessionStorage.getItem(KEY);
let chosen = null;
let live = null;

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function ask(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    headers: { ...options.headers, authorization: `Bearer ${token}` },
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ detail: `the server answered ${response.status}` }));
  throw Object.assign(new Error(problem.detail), { status: response.status });
}

const get = async (path) => (await ask(path)).json();
/** What this token may not see is left out. */
const getIfAllowed = (path) =>
  get(path).catch((error) => {
    if (error.status === 403) return { items: [] };
    throw error;
  });

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d`;
}

const since = (time) => duration((Date.now() - Date.parse(time)) / 1000);
const state = (name, text = name) => make('span', { class: `state ${TONE[name] ?? ''}` }, text);

function table(caption, head, rows) {
  if (rows.length === 0) return make('p', { class: 'faint' }, `No ${caption} yet.`);
  return make(
    'div',
    { class: 'scroll' },
    make(
      'table',
      { 'aria-label': caption },
      make('thead', {}, make('tr', {}, ...head.map((title) => make('th', { scope: 'col' }, title)))),
      make('tbody', {}, ...rows.map((cells) => make('tr', {}, ...cells.map((cell) => make('td', {}, cell ?? ''))))),
    ),
  );
}

function runBlock(run) {
  const isOpen = OPEN.includes(run.status);
  const left =
    run.secondsLeft === null || run.secondsLeft === undefined ? '' : `, about ${duration(run.secondsLeft)} left`;
  const steps = (run.steps ?? []).filter((step) => ['running', 'failed', 'needs-operator'].includes(step.status));
  return make(
    'div',
    { class: 'run' },
    make(
      'div',
      { class: 'line' },
      make('h3', {}, run.title),
      state(run.status),
      make('span', { class: 'faint' }, `${run.stepsDone} of ${run.stepsTotal} steps${left}`),
      make('span', { class: 'faint' }, `${since(run.createdAt)} ago by ${run.actor}`),
    ),
    isOpen
      ? make('progress', {
          max: 100,
          value: run.percent,
          'aria-label': `${run.title}: ${Math.round(run.percent)} per cent`,
        })
      : null,
    run.reason ? make('p', { class: run.status === 'failed' ? 'error' : 'faint' }, run.reason) : null,
    steps.length === 0
      ? null
      : make(
          'ul',
          { class: 'steps' },
          ...steps.map((step) =>
            make(
              'li',
              {},
              state(
                step.status,
                step.status === 'running' && step.percent ? `${step.status} ${step.percent}%` : step.status,
              ),
              make('span', {}, [step.title, step.reason ?? step.message].filter(Boolean).join(': ')),
            ),
          ),
        ),
  );
}

async function drawRuns() {
  const { items } = await getIfAllowed('/v1/runs?limit=8');
  const detailed = await Promise.all(
    items.map((run) => (OPEN.includes(run.status) || run.status === 'failed' ? get(`/v1/runs/${run.id}`) : run)),
  );
  const blocks = detailed.map(runBlock);
  byId('runs').replaceChildren(...(blocks.length > 0 ? blocks : [make('p', { class: 'faint' }, 'No runs yet.')]));
}

async function drawDeployments() {
  const { items } = await getIfAllowed('/v1/deployments');
  const rows = items.map((deployment) => [
    deployment.name,
    deployment.bundle,
    deployment.cloud,
    state(deployment.status),
    deployment.run === null ? '' : `${deployment.run.stepsDone} of ${deployment.run.stepsTotal} steps`,
    since(deployment.createdAt),
  ]);
  const head = ['Name', 'Bundle', 'Cloud', 'Status', 'Progress', 'Age'];
  byId('deployments').replaceChildren(table('deployments', head, rows));
}

async function drawMachines() {
  const { items } = await get('/v1/machines?limit=500');
  const rows = items.map((machine) => [
    make(
      'button',
      {
        type: 'button',
        class: 'plain',
        'aria-expanded': String(machine.name === chosen),
        'aria-controls': 'boot',
        onclick: () => choose(machine.name),
      },
      machine.name,
    ),
    state(machine.failed ? 'failed' : machine.state, machine.failed ? `${machine.state} (failed)` : machine.state),
    machine.accepted ? 'yes' : 'no',
    machine.address ?? '',
    machine.cores === null ? '' : `${machine.cores} cores, ${Math.round(machine.memoryMegabytes / 102.4) / 10} GiB`,
    machine.deployment ?? '',
    machine.reason ?? '',
  ]);
  const had = document.activeElement?.textContent;
  const head = ['Name', 'State', 'Accepted', 'Address', 'Hardware', 'Deployment', 'Reason'];
  byId('machines').replaceChildren(table('machines', head, rows));
  // Drawing anew must not take the keyboard's place away.
  [...byId('machines').querySelectorAll('button')].find((button) => button.textContent === had)?.focus();
}

async function choose(name) {
  chosen = chosen === name ? null : name;
  await Promise.all([drawMachines(), drawBoot()]);
  if (chosen !== null) byId('boot-title').focus();
}

async function drawBoot() {
  byId('boot').hidden = chosen === null;
  if (chosen === null) return;
  byId('boot-title').textContent = `Boot sessions of ${chosen}`;
  const { items } = await get(`/v1/machines/${encodeURIComponent(chosen)}/boot-sessions?limit=3`);
  const blocks = items.map((session) =>
    make(
      'div',
      { class: 'run' },
      make('h3', {}, `${new Date(session.startedAt).toLocaleString()}, ${session.mac}`),
      make(
        'ol',
        { class: 'timeline' },
        ...session.events.map((event) =>
          make(
            'li',
            {},
            make(
              'time',
              { datetime: event.at },
              `+${((Date.parse(event.at) - Date.parse(session.startedAt)) / 1000).toFixed(1)} s`,
            ),
            make('b', {}, event.stage),
            ` ${event.message}`,
          ),
        ),
        session.stallReason === null ? null : make('li', { class: 'bad' }, `stopped: ${session.stallReason}`),
      ),
    ),
  );
  byId('sessions').replaceChildren(
    ...(blocks.length > 0 ? blocks : [make('p', { class: 'faint' }, 'Nothing has been seen of it.')]),
  );
}

/** At most one drawing at a time, and at most one waiting. */
let drawing = null;
let again = false;
function draw() {
  again = true;
  drawing ??= (async () => {
    while (again && token !== null) {
      again = false;
      try {
        await Promise.all([drawRuns(), drawDeployments(), drawMachines(), drawBoot()]);
      } catch (error) {
        if (error.status === 401) leave(error.message);
        else byId('link').textContent = error.message;
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })().finally(() => (drawing = null));
}

/** Follows the events by fetch: an EventSource cannot send the token in a header. */
async function follow() {
  live?.abort();
  live = new AbortController();
  const { signal } = live;
  let last = null;
  let pauseMs = 500;
  while (!signal.aborted) {
    try {
      const headers = last === null ? {} : { 'last-event-id': last };
      const response = await ask('/v1/events', { headers, signal });
      byId('link').textContent = 'live';
      pauseMs = 500;
      draw();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ''; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split('\n\n');
        text = parts.pop();
        for (const part of parts) last = /^id: (\d+)$/m.exec(part)?.[1] ?? last;
        if (parts.some((part) => part.includes('data: '))) draw();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) return leave(error.message);
      if (error.status === 403) {
        byId('link').textContent = 'refreshed every 10 seconds';
        return;
      }
    }
    byId('link').textContent = 'connection lost; trying again';
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(pauseMs * 2, 10000);
  }
}

async function enter() {
  try {
    const self = await get('/v1/tokens/self');
    sessionStorage.setItem(KEY, token);
    byId('who').textContent = `${self.name} (${self.role}${self.pool === null ? '' : `, pool ${self.pool}`})`;
  } catch (error) {
    return leave(error.message);
  }
  for (const id of ['board', 'who', 'leave']) byId(id).hidden = false;
  byId('login').hidden = true;
  draw();
  void follow();
}

function leave(message = '') {
  token = null;
  chosen = null;
  sessionStorage.removeItem(KEY);
  live?.abort();
  for (const id of ['board', 'who', 'leave']) byId(id).hidden = true;
  byId('login').hidden = false;
  byId('link').textContent = '';
  byId('token-error').textContent = message;
  byId('token').focus();
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value.trim();
  byId('token').value = '';
  void enter();
});
byId('leave').addEventListener('click', () => leave());
setInterval(() => token !== null && !document.hidden && draw(), 10000);

if (token === null) leave();
else void enter();
