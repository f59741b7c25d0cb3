import { Option } from 'commander';
import { imagesRoutes, type Run } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { collect } from './options.js';
import { age, bytes, table } from './format.js';
import { sendFile } from './transfer.js';

/** `muster images`: operating systems and memory environments in the store. */
export const registerImages: Register = (program, context) => {
  const images = program.command('images').alias('image').summary('operating systems in the store');
  images
    .command('list', { isDefault: true })
    .summary('show images, newest first')
    .action(async () => {
      const { items } = await context.api.call(imagesRoutes.list, {});
      const now = new Date();
      const rows = items.map((image) => [
        image.name,
        image.architecture,
        image.variant,
        image.version,
        bytes(image.sizeBytes),
        image.source,
        age(image.createdAt, now),
        image.id,
      ]);
      context.show(items, () => table(['image', 'arch', 'variant', 'version', 'size', 'source', 'made', 'id'], rows));
    });
  registerBuild(images, context);
  registerBake(images, context);
  registerImport(images, context);
  registerKeeping(images, context);
};

const KERNELS = ['generic', 'cloud', 'none'];

interface BuildOptions {
  kernel?: 'generic' | 'cloud' | 'none';
  mirror?: string;
  include?: string[];
  detach?: boolean;
}

const registerBuild: Register = (images, context) => {
  images
    .command('build <target>')
    .summary('build an image from distribution packages: debian@12, ubuntu@24.04, or memory')
    .addOption(
      new Option('--kernel <flavour>', 'generic has the drivers of real machines, none is for containers').choices(
        KERNELS,
      ),
    )
    .option('--mirror <url>', 'where packages come from')
    .option('--include <packages>', 'on top of the standard list, with commas between; may be repeated', collect)
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      '\n`memory` is the environment that machines are commissioned and installed from.\n\nExamples:\n  muster images build memory\n  muster images build debian@12',
    )
    .action(async (target: string, options: BuildOptions) => {
      const { kernel, mirror } = options;
      const include = options.include?.flatMap((list) => list.split(',')).filter((name) => name !== '');
      const { run } = await context.api.call(imagesRoutes.build, { body: { target, kernel, mirror, include } });
      await follow(context, run, options);
    });
  images
    .command('sync')
    .summary('fetch images from a simplestreams source, signature checked')
    .option('--url <url>', 'default: the one in the settings')
    .option('--release <release>', 'may be repeated', collect)
    .option('--arch <arch>', 'amd64, arm64; may be repeated', collect)
    .option('--variant <variant>', 'minimal, …')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText('after', '\nExample:\n  muster images sync --release 24.04 --arch amd64')
    .action(
      async (options: { url?: string; release?: string[]; arch?: string[]; variant?: string; detach?: boolean }) => {
        const { url, release: releases, arch, variant } = options;
        const architectures = arch?.map(architectureOf);
        const { run } = await context.api.call(imagesRoutes.sync, { body: { url, releases, architectures, variant } });
        await follow(context, run, options);
      },
    );
};

interface BakeOptions {
  kernel?: 'generic' | 'cloud' | 'none';
  overlay?: string[];
  roles?: string[];
  bundle?: string;
  name?: string;
  mirror?: string;
  detach?: boolean;
}

const registerBake: Register = (images, context) => {
  images
    .command('bake <image>')
    .summary('make an image like another, with the packages and artifacts of roles in it already')
    .option('--roles <roles>', "with their options' defaults, with commas between; may be repeated", collect)
    .option('--bundle <bundle>', 'what its roles need with its options: a name or a file')
    .option('--overlay <file>', 'laid over the bundle, as for `muster up`; may be repeated', collect)
    .addOption(
      new Option(
        '--kernel <flavour>',
        'make it anew, not like one that is there: as `muster images build` has it',
      ).choices(KERNELS),
    )
    .option('--name <name>', 'how it is listed (default: the roles)')
    .option('--mirror <url>', 'where packages come from')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      `
IMAGE is an id, or debian@12 (for containers: debian@12/container), the newest that muster built. With --kernel it is
debian@12, made anew: there need not be one. From then on nodes of that base are made of the new one; \`muster images
delete\` of it ends that.

Examples:
  muster images bake debian@12 --roles docker,ntp
  muster images bake debian@12 --kernel generic --bundle ./shop.yaml --overlay site.yaml
  muster images bake debian@12/container --bundle kubernetes-core --name kubernetes`,
    )
    .action(async (image: string, { roles = [], bundle, overlay, kernel, name, mirror, detach }: BakeOptions) => {
      const given = roles.flatMap((list) => list.split(',')).filter((role) => role !== '');
      if (given.length > 0 === (bundle !== undefined)) throw new CliError(EXIT.usage, 'give --roles or --bundle');
      if (overlay !== undefined && bundle === undefined) throw new CliError(EXIT.usage, '--overlay goes with --bundle');
      const like = kernel === undefined ? { image: await imageId(context, image) } : { target: image, kernel };
      const source = bundle === undefined ? undefined : readBundle(bundle, overlay);
      const body = { ...like, roles: given, bundle: source, name: name ?? bundle?.replace(/^.*\//, ''), mirror };
      const { run } = await context.api.call(imagesRoutes.bake, { body });
      await follow(context, run, { detach });
    });
};

/** `debian@12` is the newest of those that muster built for machines, `debian@12/container` for containers. */
async function imageId(context: CliContext, reference: string): Promise<string> {
  if (!reference.includes('@')) return reference;
  const [name, variant = 'default'] = reference.split('/');
  const { items } = await context.api.call(imagesRoutes.list, {});
  const found = items.find((image) => image.name === name && image.variant === variant && image.source === 'build');
  if (found !== undefined) return found.id;
  throw new CliError(
    EXIT.notFound,
    `cannot find an image ${reference} that muster built`,
    `muster images build ${name}${variant === 'container' ? ' --kernel none' : ''}; or --kernel, and it is made anew`,
  );
}

const registerImport: Register = (images, context) => {
  images
    .command('import <file>')
    .summary('put a root file system (tar, squashfs) or a disk (raw, qcow2) into the store')
    .requiredOption('--os <os>', 'what it is: debian@12')
    .option('--arch <arch>', 'amd64, arm64', 'amd64')
    .addHelpText('after', '\nExample:\n  muster images import ./rocky.qcow2 --os rocky@9')
    .action(async (file: string, options: { os: string; arch: string }) => {
      const { upload } = await sendFile(context, file);
      const body = { upload, os: options.os, architecture: architectureOf(options.arch) };
      const image = await context.api.call(imagesRoutes.import, { body });
      context.show(image, () => `${image.name} ${image.version}: ${bytes(image.sizeBytes)}`);
    });
};

const registerKeeping: Register = (images, context) => {
  images
    .command('verify')
    .summary('read every stored byte and check its hash; exit code 1 where one is damaged')
    .action(async () => {
      const result = await context.api.call(imagesRoutes.verify, {});
      if (!result.ok) context.exitCode = EXIT.failed;
      const rows = result.damaged.map((file) => [file.sha256, file.problem, file.images.join(' ')]);
      context.show(result, () => (result.ok ? 'every file is as it was stored' : table(['file', 'is', 'in'], rows)));
    });
  images
    .command('delete <image>')
    .summary('remove an image (by id) that nothing uses')
    .option('-y, --yes', 'do not ask')
    .action(async (image: string, options: { yes?: boolean }) => {
      await context.confirm(`Remove image ${image}?`, options);
      await context.api.call(imagesRoutes.delete, { params: { image } });
      context.show({ deleted: image }, () => 'removed');
    });
};

function architectureOf(text: string): 'amd64' | 'arm64' {
  if (text === 'amd64' || text === 'arm64') return text;
  throw new CliError(EXIT.usage, `cannot use the architecture "${text}"`, 'amd64 or arm64');
}

async function follow(context: CliContext, run: Run, options: { detach?: boolean }): Promise<void> {
  if (options.detach === true) {
    context.show(run, () => `run ${run.id} has begun; muster logs -f ${run.id}`);
    return;
  }
  const ended = await followRun(context, run.id);
  context.show(ended, () => `${ended.title}: ${ended.status}`);
}
