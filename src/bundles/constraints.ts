import type { Diagnostics } from './diagnostics.js';
import { expectedNames } from './near-miss.js';
import type { Span } from './source.js';

/** A fact that a node must show, such as `facts.load10<0.25`. */
export interface FactConstraint {
  name: string;
  operator: '<' | '<=' | '=' | '!=' | '>=' | '>';
  value: string;
}

/** What a node must offer. Absent: it does not matter. */
export interface Constraints {
  arch?: string;
  container?: string;
  cores?: number;
  cpuPower?: number;
  memMiB?: number;
  rootDiskMiB?: number;
  rootDiskSource?: string;
  /** `^x` in a list means "not x", and is kept as written. */
  tags?: string[];
  zones?: string[];
  spaces?: string[];
  instanceRole?: string;
  instanceType?: string;
  virtType?: string;
  allocatePublicIp?: boolean;
  imageId?: string;
  /** At least so many disks, and so on. */
  disks?: number;
  nics?: number;
  linkSpeedMbps?: number;
  gpu?: string;
  pool?: string;
  facts?: FactConstraint[];
}

type Reader = (value: string) => Partial<Constraints> | null;

const ARCHITECTURES: Record<string, string> = {
  amd64: 'amd64',
  arm64: 'arm64',
  x86_64: 'amd64',
  aarch64: 'arm64',
  ppc64el: 'ppc64el',
  s390x: 's390x',
  riscv64: 'riscv64',
  armhf: 'armhf',
  i386: 'i386',
};

const MIB: Record<string, number> = { '': 1, M: 1, G: 1024, T: 1024 ** 2, P: 1024 ** 3 };

const number =
  (build: (value: number) => Partial<Constraints>): Reader =>
  (value) =>
    /^\d{1,9}$/.test(value) ? build(Number(value)) : null;

const size =
  (build: (mebibytes: number) => Partial<Constraints>): Reader =>
  (value) => {
    const [, digits, suffix] = /^(\d{1,9}(?:\.\d{1,3})?)([MGTP]?)B?$/.exec(value) ?? [];
    return digits === undefined ? null : build(Math.ceil(Number(digits) * (MIB[suffix ?? ''] ?? 1)));
  };

const text =
  (build: (value: string) => Partial<Constraints>): Reader =>
  (value) =>
    value === '' ? null : build(value);

const list =
  (build: (values: string[]) => Partial<Constraints>): Reader =>
  (value) => {
    const values = value.split(',');
    return values.some((item) => item === '' || item === '^') ? null : build(values);
  };

const READERS: Record<string, { read: Reader; expected: string }> = {
  arch: {
    read: (value) => {
      const arch = ARCHITECTURES[value];
      return arch === undefined ? null : { arch };
    },
    expected: `one of ${Object.keys(ARCHITECTURES).join(', ')}`,
  },
  container: {
    read: (value) => (value === 'lxd' || value === 'kvm' ? { container: value } : null),
    expected: 'lxd or kvm',
  },
  cores: { read: number((cores) => ({ cores })), expected: 'a whole number' },
  'cpu-cores': { read: number((cores) => ({ cores })), expected: 'a whole number' },
  'cpu-power': { read: number((cpuPower) => ({ cpuPower })), expected: 'a whole number' },
  mem: { read: size((memMiB) => ({ memMiB })), expected: 'a size such as 4G' },
  'root-disk': { read: size((rootDiskMiB) => ({ rootDiskMiB })), expected: 'a size such as 16G' },
  'root-disk-source': { read: text((rootDiskSource) => ({ rootDiskSource })), expected: 'a name' },
  tags: { read: list((tags) => ({ tags })), expected: 'names with commas between' },
  zones: { read: list((zones) => ({ zones })), expected: 'names with commas between' },
  spaces: { read: list((spaces) => ({ spaces })), expected: 'names with commas between' },
  'instance-role': { read: text((instanceRole) => ({ instanceRole })), expected: 'a name' },
  'instance-type': { read: text((instanceType) => ({ instanceType })), expected: 'a name' },
  'virt-type': { read: text((virtType) => ({ virtType })), expected: 'a name' },
  'image-id': { read: text((imageId) => ({ imageId })), expected: 'a name' },
  'allocate-public-ip': {
    read: (value) => (value === 'true' || value === 'false' ? { allocatePublicIp: value === 'true' } : null),
    expected: 'true or false',
  },
  disks: { read: number((disks) => ({ disks })), expected: 'a whole number' },
  nics: { read: number((nics) => ({ nics })), expected: 'a whole number' },
  'link-speed': {
    read: (value) => {
      const [, digits, suffix] = /^(\d{1,6})([MG]?)$/.exec(value) ?? [];
      return digits === undefined ? null : { linkSpeedMbps: Number(digits) * (suffix === 'G' ? 1000 : 1) };
    },
    expected: 'a speed such as 10G (bits a second)',
  },
  gpu: { read: text((gpu) => ({ gpu })), expected: 'a name' },
  pool: { read: text((pool) => ({ pool })), expected: 'a name' },
};

/** `cpu-cores` is Juju's older name for `cores`: both at once are the same key twice. */
const SAME_AS: Record<string, string> = { 'cpu-cores': 'cores' };

/** Reads `cores=2 mem=4G tags=fast,^noisy`. What is wrong is told in `diagnostics`, with its place inside the text. */
export function parseConstraints(written: string, at: Span, diagnostics: Diagnostics): Constraints {
  const constraints: Constraints = {};
  const seen = new Set<string>();
  const inner = innerStart(written, at);
  for (const item of splitItems(written)) {
    const itemAt = inner === null ? at : { ...at, start: inner + item.from, end: inner + item.to };
    const fact = /^facts\.([A-Za-z0-9_.-]+)(<=|>=|!=|<|>|=)(.+)$/.exec(item.text);
    if (fact) {
      const [, name = '', operator = '=', value = ''] = fact;
      (constraints.facts ??= []).push({ name, operator: operator as FactConstraint['operator'], value });
      continue;
    }
    const equals = item.text.indexOf('=');
    const key = equals === -1 ? item.text : item.text.slice(0, equals);
    const value = equals === -1 ? '' : item.text.slice(equals + 1);
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (!reader) {
      const hint = () => expectedNames(key, [...Object.keys(READERS), 'facts.<name>'], 'constraints');
      diagnostics.error(itemAt, `unknown constraint "${key}"`, hint);
      continue;
    }
    const canonical = SAME_AS[key] ?? key;
    if (seen.has(canonical)) diagnostics.error(itemAt, `constraint "${key}" is given twice`, 'say it once');
    seen.add(canonical);
    // `cores=` takes a constraint back in Juju: nothing is asked.
    if (equals !== -1 && value === '') continue;
    const read = reader.read(value);
    if (read === null) diagnostics.error(itemAt, `wrong value for constraint "${key}"`, `expected ${reader.expected}`);
    else Object.assign(constraints, read);
  }
  return constraints;
}

/** As written in a bundle, in one order: `cores=2 mem=4G`. Equal text: the same is asked for. */
export function formatConstraints({ facts = [], ...constraints }: Constraints): string {
  const written = Object.entries(constraints).map(([key, value]) => `${nameOf(key)}=${formatValue(key, value)}`);
  const asked = facts.map(({ name, operator, value }) => `facts.${name}${operator}${value}`);
  return [...written.sort(), ...asked.sort()].join(' ');
}

/** Fields that are not called as they are written, but for their humps. */
const WRITTEN: Record<string, string> = {
  ...{ memMiB: 'mem', rootDiskMiB: 'root-disk', linkSpeedMbps: 'link-speed', allocatePublicIp: 'allocate-public-ip' },
};

const nameOf = (key: string) => WRITTEN[key] ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function formatValue(key: string, value: string | number | boolean | string[]): string {
  if (key.endsWith('MiB') && typeof value === 'number') return value % 1024 === 0 ? `${value / 1024}G` : `${value}M`;
  const text = Array.isArray(value) ? [...value].sort().join(',') : String(value);
  return text.replaceAll(/[\s\\]/g, '\\$&');
}

/** Where the text itself begins in the file: behind a quote, if there is one; null where it is folded or escaped. */
function innerStart(written: string, at: Span): number | null {
  const found = at.source.text.slice(at.start, at.end).indexOf(written);
  return found === -1 ? null : at.start + found;
}

interface Item {
  text: string;
  from: number;
  to: number;
}

/** Splits at spaces; `\ ` is a space inside a value. */
function splitItems(written: string): Item[] {
  return [...written.matchAll(/(?:\\.|[^\s\\]|\\$)+/g)].map((match) => ({
    text: match[0].replace(/\\(.)/g, '$1'),
    from: match.index,
    to: match.index + match[0].length,
  }));
}
