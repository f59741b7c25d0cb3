import { Inject, Injectable } from '@nestjs/common';
import { exportBundle, parseBase, type BundleFile, type ExportedBundle } from '../bundles/index.js';
import { MusterError } from '../error.js';
import { BundleLibrary } from './bundle-library.js';
import { compileDeployment, placeOptions } from './compile-deployment.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';

const EXPORTED = 'bundle.yaml';

/** Deployments as bundles again. */
@Injectable()
export class ExportService {
  constructor(
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
  ) {}

  /**
   * The bundle of a deployment with its overlays, its settings and its base laid into it. It is compiled and compared
   * before it is given: throws `internal` rather than give one whose plan is another. Secret values are among the files.
   */
  export(deployment: Deployment): ExportedBundle {
    const { name, files, options } = deployment;
    const before = this.records.compiled(deployment);
    const base = options.base === undefined ? undefined : (parseBase(options.base) ?? undefined);
    const exported = exportBundle(files, this.library.roles, { base, heading: headingOf(deployment) });
    if (exported === null) throw new MusterError('internal', `cannot export ${name}: its files are no bundle`);
    const beside = exported.files.map(({ path, text, encoding }): BundleFile => ({
      ...{ name: path, text, attached: true },
      ...(encoding === undefined ? {} : { encoding }),
    }));
    const again = compileDeployment(
      [{ name: EXPORTED, text: exported.text }, ...beside],
      this.library.roles,
      placeOptions({}),
    );
    if (whatIsLaid(again) === whatIsLaid(before)) return exported;
    throw new MusterError('internal', `cannot export ${name}: the bundle would give another plan`);
  }
}

function whatIsLaid({ compiled }: ReturnType<typeof compileDeployment>): string {
  const { nodes, units, plan, verify, every, outputs } = compiled;
  return JSON.stringify({ nodes, units, plan, verify, every: [...every], outputs });
}

/** What a bundle cannot say itself. */
function headingOf({ name, cloud, options }: Deployment): string[] {
  const layout = options.layout === undefined ? '' : ` --layout ${options.layout}`;
  return [
    `The deployment ${name} as it is wanted: its overlays and settings are laid into this.`,
    `muster up THIS-FILE --on ${cloud} --name ${name}${layout}`,
  ];
}
