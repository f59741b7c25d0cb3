import { describe, expect, it } from 'vitest';
import type { BundleFile } from './bundle-file.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';

const GREETER = `role: greeter
summary: Greets
bases: [debian@12]
options: {greeting: {type: string, default: Hello, description: What it says}}
provides: {greeting: greeting}
steps:
  install: {run: install.sh, publishes: [text]}
`;
const VISITOR = `role: visitor
summary: Is greeted
bases: [debian@12]
requires: {greeting: greeting}
steps:
  visit: {run: visit.sh, after: [greeting]}
`;
const BUNDLE = `applications:
  greeter: {role: greeter}
  visitor: {role: visitor}
relations: [[visitor:greeting, greeter:greeting]]
`;
const FILES = {
  'bundle.yaml': BUNDLE,
  'roles/greeter/role.yaml': GREETER,
  'roles/greeter/install.sh': '#!/bin/bash\necho "text=$OPT_GREETING" >>"$MUSTER_OUTPUT"\n',
  'roles/visitor/role.yaml': VISITOR,
  'roles/visitor/visit.sh': '#!/bin/bash\necho "$REL_GREETING_0_TEXT" "${REL_GREETING_0_UNIT}"\n',
};

/** What is told of a good bundle with other files in it. */
function told(changed: Partial<Record<keyof typeof FILES, string>> = {}): string {
  const files = Object.entries({ ...FILES, ...changed }).map(([name, text]): BundleFile => ({
    ...{ name, text },
    ...(name === 'bundle.yaml' ? {} : { attached: true as const }),
  }));
  return formatDiagnostics(loadBundle(files, new Map()).diagnostics);
}

describe('what a newcomer is told to do next', () => {
  it('is nothing where all is right', () => {
    expect(told()).toBe('');
  });

  it('for a role that is not there: where it would be', () => {
    const text = told({ 'bundle.yaml': BUNDLE.replace('role: visitor', 'role: website') });
    expect(text).toContain('unknown role "website"');
    expect(text).toContain('roles: greeter, visitor; of your own it is the folder roles/website beside the bundle');
  });

  it('for a script that reads of a relation that its step does not wait for', () => {
    const text = told({ 'roles/visitor/role.yaml': VISITOR.replace(', after: [greeting]', '') });
    expect(text)
      .toBe(`roles/visitor/role.yaml:6:3  notice: the script of step "visit" reads REL_GREETING_…, but the step does not wait for "greeting"
  6 |   visit: {run: visit.sh}
    |   ^^^^^ after: [greeting]`);
  });

  it('for a value that nobody publishes', () => {
    const text = told({ 'roles/greeter/role.yaml': GREETER.replace(', publishes: [text]', '') });
    expect(text)
      .toBe(`bundle.yaml:3:19  notice: step "visit" of "visitor" reads the value "text" of greeter, which no step there publishes
  3 |   visitor: {role: visitor}
    |                   ^^^^^^^ in that role.yaml, at the step that publishes it: publishes: [text]`);
  });

  it('for an option that the role has not; one that a script sets itself is its own', () => {
    const script = '#!/bin/bash\nOPT_OWN=1\necho "$OPT_GREETNG" "$OPT_OWN" "${OPT_GREETING_FILE}" "${OPT_MORE:-}"\n';
    const text = told({ 'roles/greeter/install.sh': script });
    expect(text).toContain('the script of step "install" reads OPT_GREETNG, and the role has no such option');
    expect(text).toContain('did you mean "OPT_GREETING"?');
    expect(text.split('notice')).toHaveLength(2);
  });

  it('for a script with the line ends of another system', () => {
    const text = told({ 'roles/greeter/install.sh': '#!/bin/bash\r\necho x\r\n' });
    expect(text).toContain('the lines of "install.sh" end with CR LF');
    expect(text).toContain("sed -i 's/\\r$//' install.sh");
  });

  it('for a script that is not in the folder', () => {
    const text = told({ 'roles/visitor/role.yaml': VISITOR.replace('visit.sh', 'vist.sh') });
    expect(text).toContain('the role has no file "vist.sh"');
    expect(text).toContain('did you mean "visit.sh"?');
  });

  it.each([
    ['a tab', 'applications:\n\tgreeter: {role: greeter}\n', 'indent with spaces'],
    ['a colon in a text', 'name: a: b\napplications: {}\n', 'a text with ": " in it stands in quotes'],
    [
      'a quote that is not closed',
      'name: "x\napplications: {}\n',
      'is a quote, a bracket, a comma or a colon missing above?',
    ],
    ['a key without its colon', 'name: x\napplications\n  greeter: {role: greeter}\n', 'is a colon missing above?'],
    [
      'lines that do not stand below one another',
      'applications:\n    a: {role: greeter}\n  b: {role: greeter}\n',
      'begin in the same column',
    ],
    ['a text that begins with @', 'name: @x\napplications: {}\n', 'a text that begins so stands in quotes'],
  ])('for %s in YAML', (_, text, hint) => {
    expect(told({ 'bundle.yaml': text })).toContain(hint);
  });
});
