import type { Register } from './context.js';
import { sshFiles, writeSshFiles } from './ssh-files.js';

/** `muster ssh-config`: for ssh, scp, rsync, editors and whatever else reads OpenSSH's configuration. */
export const registerSshConfig: Register = (program, context) => {
  program
    .command('ssh-config <deployment>')
    .summary('an OpenSSH configuration with a host for each node and unit')
    .option('-o, --output <file>', 'where it is written (default: ~/.config/muster/ssh/DEPLOYMENT/config, and printed)')
    .addHelpText(
      'after',
      `
Hosts are DEPLOYMENT.NODE and DEPLOYMENT.APPLICATION-NUMBER; for ssh also DEPLOYMENT:NODE and DEPLOYMENT:UNIT. The
deployment's private key and the pinned host keys are written beside the configuration, where only you can read them:
whoever has the key has the nodes. Containers are reached through their hosts.

Examples:
  muster ssh-config prod --output prod.ssh
  muster ssh-config prod`,
    )
    .action(async (deployment: string, { output }: { output?: string }) => {
      const files = sshFiles(context, deployment, output);
      const { reach, config } = await writeSshFiles(context, deployment, files);
      const hosts = reach.nodes.length;
      context.show(files, () =>
        output === undefined ? config : `${files.config}: ${hosts} hosts; ssh -F ${files.config}`,
      );
      if (output === undefined)
        context.tell(`the private key is in ${files.key}; in ~/.ssh/config: Include ${files.config}`);
    });
};
