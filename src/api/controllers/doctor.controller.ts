import { Controller, Inject } from '@nestjs/common';
import { ImagesService } from '../../images/index.js';
import { MachinesService } from '../../machines/index.js';
import { SubnetService } from '../../networks/index.js';
import { systemRoutes, type Doctor } from '../contract/index.js';
import { Endpoint } from '../endpoint.js';
import { HealthService } from '../health.service.js';
import { VERSION } from '../version.js';

type Finding = Doctor['findings'][number];

/** What only the server can see of itself; `muster doctor` adds what only its computer can. */
@Controller()
export class DoctorController {
  constructor(
    @Inject(HealthService) private readonly health: HealthService,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(SubnetService) private readonly subnets: SubnetService,
    @Inject(MachinesService) private readonly machines: MachinesService,
  ) {}

  @Endpoint(systemRoutes.doctor)
  async examine(): Promise<Doctor> {
    const { postgres, redis } = await this.health.look();
    const datastores: Finding[] = [
      finding(
        'postgres',
        postgres === 'up',
        `Postgres is ${postgres}`,
        'look at its log; it is started with the server',
      ),
      finding('redis', redis !== 'down', `Redis is ${redis}`, 'look at its log; it is started with the server'),
    ];
    if (postgres !== 'up') return { version: VERSION, findings: datastores };
    return { version: VERSION, findings: [...datastores, ...(await this.examineStores())] };
  }

  private async examineStores(): Promise<Finding[]> {
    const [images, subnets, machines] = await Promise.all([
      this.images.list(),
      this.subnets.list(),
      this.machines.list(),
    ]);
    const has = (kind: 'os' | 'memory') => images.some((image) => image.kind === kind);
    const served = subnets.filter((subnet) => subnet.mode !== 'off');
    const failed = machines.filter((machine) => machine.failed);
    return [
      finding('memory environment', has('memory'), told(has('memory')), 'muster images build memory', 'warning'),
      finding('operating system', has('os'), told(has('os')), 'muster images build debian@12', 'warning'),
      finding(
        'subnets',
        served.length > 0,
        `${served.length} of ${subnets.length} subnets are served`,
        'muster subnets create NAME CIDR --mode serve --range FIRST-LAST',
        'warning',
      ),
      finding(
        'machines',
        failed.length === 0,
        failed.length === 0 ? 'no operation failed' : `failed: ${failed.map((machine) => machine.name).join(', ')}`,
        'muster machines show NAME says why',
        'warning',
      ),
    ];
  }
}

const told = (there: boolean) => (there ? 'an image is in the store' : 'the store has no image');

function finding(
  check: string,
  good: boolean,
  message: string,
  fix: string,
  level: 'warning' | 'error' = 'error',
): Finding {
  return { check, level: good ? 'ok' : level, message, fix: good ? null : fix };
}
