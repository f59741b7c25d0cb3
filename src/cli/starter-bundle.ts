interface StarterFile {
  path: string;
  text: string;
}

/** What `muster bundles init` writes: a bundle that works as it is, and the role that it uses. */
export function starterBundle(name: string, schemas: string): StarterFile[] {
  return [
    { path: 'bundle.yaml', text: BUNDLE(name, schemas) },
    { path: 'roles/greeter/role.yaml', text: ROLE(schemas) },
    { path: 'roles/greeter/install.sh', text: INSTALL },
    { path: 'roles/greeter/health.sh', text: HEALTH },
    { path: 'roles/greeter/remove.sh', text: REMOVE },
  ];
}

const BUNDLE = (name: string, schemas: string) => `# yaml-language-server: $schema=${schemas}/bundle.schema.json
#
# A bundle: which applications run, how many units of each, where, and how they relate.
#   muster bundles check .         tells everything that is wrong with it
#   muster plan .                  shows what would be done
#   muster up . --on localhost     does it
name: ${name}
description: A first bundle

applications:
  greeter:
    role: greeter # roles/greeter beside this file; else a role that muster ships
    num_units: 1 # each unit gets a node of its own, unless \`to\` says where it goes:
    # to: ["0"]              the machine below; lxd:0 is a container on it
    # constraints: mem=1G    what the node must offer
    options:
      greeting: Hello

# machines:
#   "0": { constraints: cores=2 mem=4G }

# relations:
#   - [greeter:greeting, visitor:greeting]

# What is muster's own.
muster:
  bases: [ubuntu@24.04, debian@12] # the first that every role supports and the cloud can give
  questions: # what \`muster up\` asks on a terminal
    - { set: greeter.greeting, ask: How does it greet?, default: Hello }
  verify: [health]
  outputs: { greeting: greeter.text }
`;

const ROLE = (schemas: string) => `# yaml-language-server: $schema=${schemas}/role.schema.json
role: greeter
summary: Writes a greeting to a file
bases: [ubuntu@22.04, ubuntu@24.04, debian@12, debian@13]
options:
  greeting: { type: string, default: Hello, description: What it says }
provides:
  greeting: greeting # endpoint: interface; what a step publishes goes to related units
steps:
  install: { run: install.sh, publishes: [text], repeatable: true, timeout: 2m }
  health: { run: health.sh, on: verify, timeout: 1m }
  remove: { run: remove.sh, on: remove, timeout: 1m }
`;

const INSTALL = `#!/bin/bash
# Options come as OPT_<NAME>; what is published goes to $MUSTER_OUTPUT. No value is ever pasted into this text.
set -euo pipefail
text="$OPT_GREETING from $UNIT"
if [ "$(cat /srv/greeter/greeting 2>/dev/null)" = "$text" ]; then
  muster-unchanged # says that it found everything as it is wanted; see docs/roles.md
else
  mkdir -p /srv/greeter
  echo "$text" >/srv/greeter/greeting
fi
echo "text=$text" >>"$MUSTER_OUTPUT"
`;

const HEALTH = `#!/bin/bash
# Run last, and by \`muster verify\`: exits with anything but 0 where it does not work.
set -euo pipefail
grep -qF -- "$OPT_GREETING" /srv/greeter/greeting
cat /srv/greeter/greeting
`;

const REMOVE = `#!/bin/bash
set -euo pipefail
rm -rf /srv/greeter
`;
