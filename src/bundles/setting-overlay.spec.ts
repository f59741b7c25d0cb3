import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from './diagnostics.js';
import { compileBundle } from './compile.js';
import { loadBundle } from './load-bundle.js';
import { mergeSettings, placementsOfSettings, settingOverlay, type Setting } from './setting-overlay.js';
import { exampleRoles } from './testing/example-roles.js';

const set = (option: string, value: string, application = 'etcd'): Setting => ({ application, option, value });

function compiled(text: string, settings: Setting[]) {
  const roles = exampleRoles();
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text }, settingOverlay(settings)], roles);
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  return compileBundle({ bundle, roles });
}
const optionOf = (text: string, settings: Setting[], name: string) => {
  const { input } = compiled(text, settings).plan.steps.find(({ key }) => key === 'etcd/0:install')!.input;
  return (input as { options: Record<string, unknown> }).options[name];
};
const BUNDLE = 'applications:\n  etcd: {role: etcd, num_units: 2, options: {port: 4001}}\n';

describe('an overlay of settings', () => {
  it('is written in one order, whatever order they came in', () => {
    expect(settingOverlay([set('port', '1'), set('num_units', '3'), set('a', 'x: "y"\n', 'b')]).text).toBe(
      'applications:\n  "b":\n    options:\n      "a": "x: \\"y\\"\\n"\n  "etcd":\n    num_units: 3\n    options:\n      "port": 1\n',
    );
    expect(settingOverlay([]).text).toBe('applications: {}\n');
  });

  it.each([
    ['port', '2381', 2381],
    ['note', '2381', '2381'],
    ['note', 'true', 'true'],
    ['channel', '1.30', '1.30'],
    ['note', "it's: [a] {b} #c \t\\ $(reboot)\n---\nd: &e *f", "it's: [a] {b} #c \t\\ $(reboot)\n---\nd: &e *f"],
    ['note', '', ''],
    ['note', '0x10', '0x10'],
    ['note', 'null', 'null'],
  ])('gives %s the value %j', (option, value, expected) => {
    expect(optionOf(BUNDLE, [set(option, value)], option)).toBe(expected);
  });

  describe('that says how many units there are', () => {
    const placed = (text: string, count: string) => {
      const settings = [set('num_units', count)];
      const roles = exampleRoles();
      const file = { name: 'bundle.yaml', text };
      const { bundle: base, diagnostics: wrong } = loadBundle([file], roles);
      if (!base) throw new Error(formatDiagnostics(wrong));
      const to = placementsOfSettings(settings, base);
      const { bundle, diagnostics } = loadBundle([file, settingOverlay(settings, undefined, to)], roles);
      if (!bundle) throw new Error(formatDiagnostics(diagnostics));
      return compileBundle({ bundle, roles }).units.map(({ name, node }) => `${name} ${node}`);
    };
    const on = (to: string, units: number) =>
      `machines: {"0": {}, "1": {}}\napplications:\n  etcd: {role: etcd, num_units: ${units}, to: ${to}}\n`;

    it('gives those that are added machines of their own', () => {
      expect(placed(on('["1"]', 1), '3')).toEqual(['etcd/0 1', 'etcd/1 etcd-1', 'etcd/2 etcd-2']);
      expect(placed(on('["0", "1"]', 2), '3')).toEqual(['etcd/0 0', 'etcd/1 1', 'etcd/2 etcd-2']);
    });

    it('leaves those that stay where they are', () => {
      expect(placed(on('["0", "1"]', 2), '1')).toEqual(['etcd/0 0']);
      expect(placed('applications:\n  etcd: {role: etcd, num_units: 2}\n', '1')).toEqual(['etcd/0 etcd-0']);
    });
  });

  it('sets the number of units, however the bundle says it', () => {
    const units = (text: string) => compiled(text, [set('num_units', '3')]).units.length;
    expect(units(BUNDLE)).toBe(3);
    expect(units(BUNDLE.replace('num_units', 'scale'))).toBe(3);
    expect(units(BUNDLE.replace('applications', 'services'))).toBe(3);
  });

  it('refuses what the role does not know, with its place', () => {
    expect(() => compiled(BUNDLE, [set('prot', '1')])).toThrow(/settings\.yaml:4:7 .*prot[^]*did you mean "port"/);
    expect(() => compiled(BUNDLE, [set('port', 'x')])).toThrow(/settings\.yaml:4:15/);
    expect(() => compiled(BUNDLE, [set('port', '1', 'etdc')])).toThrow(/settings\.yaml/);
  });

  it('merges the later over the earlier', () => {
    expect(mergeSettings([set('port', '1'), set('note', 'a')], [set('port', '2')])).toEqual([
      set('note', 'a'),
      set('port', '2'),
    ]);
  });
});
