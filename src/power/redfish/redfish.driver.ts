import { z } from 'zod';
import { checkOneOf } from '../parameter-checks.js';
import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerParameter, PowerState, PowerTarget } from '../power.js';
import { type RedfishAccess, RedfishSession } from './redfish-session.js';

const link = z.looseObject({ '@odata.id': z.string() });
const serviceRoot = z.looseObject({ Systems: link, Links: z.looseObject({ Sessions: link.optional() }).nullish() });
const collection = z.looseObject({ Members: z.array(link).max(1000) });
const computerSystem = z.looseObject({
  Id: z.string().optional(),
  UUID: z.guid().nullish(),
  PowerState: z.string().nullish(),
  Actions: z
    .looseObject({
      '#ComputerSystem.Reset': z
        .looseObject({ target: z.string(), 'ResetType@Redfish.AllowableValues': z.array(z.string()).optional() })
        .optional(),
    })
    .optional(),
  Boot: z.looseObject({ 'BootSourceOverrideTarget@Redfish.AllowableValues': z.array(z.string()).optional() }).nullish(),
});
type ComputerSystem = z.infer<typeof computerSystem>;

interface FoundSystem {
  path: string;
  value: ComputerSystem;
  etag: string | undefined;
}

/** Management controllers that speak Redfish (DMTF DSP0266): one ComputerSystem of the service is the machine. */
export class RedfishPowerDriver implements PowerDriver {
  readonly name = 'redfish';
  readonly parameters: readonly PowerParameter[] = [
    {
      name: 'url',
      required: true,
      secret: false,
      summary: 'Address of the service: https://10.0.0.9',
      check: checkUrl,
    },
    { name: 'user', required: true, secret: false, summary: 'User of the controller' },
    { name: 'password', required: true, secret: true, summary: 'Password' },
    { name: 'system', required: false, secret: false, summary: 'Id of the system, where the service has several' },
    {
      name: 'certificate',
      required: false,
      secret: false,
      summary: 'check (default), or any where the network is trusted',
      check: checkOneOf('check', 'any'),
    },
    {
      name: 'fingerprint',
      required: false,
      secret: false,
      summary: 'sha256 of the only certificate to take, in hex',
      check: (value) => (/^([\da-f]{2}:?){31}[\da-f]{2}$/i.test(value) ? null : 'is no sha256 fingerprint'),
    },
  ];

  constructor(private readonly options: { allowLocal: boolean }) {}

  async on(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.within(target, signal, async (session, system) => {
      if (stateOf(system.value) !== 'on') await reset(session, system, ['On', 'ForceOn', 'PushPowerButton']);
    });
  }

  async off(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.within(target, signal, async (session, system) => {
      if (stateOf(system.value) !== 'off') await reset(session, system, ['ForceOff', 'PushPowerButton']);
    });
  }

  async cycle(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.within(target, signal, async (session, system) => {
      const wanted = stateOf(system.value) === 'off' ? ['On', 'ForceOn'] : ['PowerCycle', 'ForceRestart'];
      await reset(session, system, wanted);
    });
  }

  async status(target: PowerTarget, signal: AbortSignal): Promise<PowerState> {
    return this.within(target, signal, (_, system) => stateOf(system.value));
  }

  async bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean> {
    return this.within(target, signal, async (session, system) => {
      const targets = system.value.Boot?.['BootSourceOverrideTarget@Redfish.AllowableValues'];
      if (system.value.Boot == null || targets?.includes('Pxe') === false) return false;
      const boot = { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Pxe' };
      await session.patch(system.path, { Boot: boot }, system.etag);
      return true;
    });
  }

  async uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null> {
    return this.within(target, signal, (_, system) => system.value.UUID?.toLowerCase() ?? null);
  }

  /** Logs in, looks at the system, acts, logs out. */
  private async within<Result>(
    target: PowerTarget,
    signal: AbortSignal,
    act: (session: RedfishSession, system: FoundSystem) => Result | Promise<Result>,
  ): Promise<Result> {
    const session = new RedfishSession(accessOf(target, this.options.allowLocal), signal);
    const { value: root } = await session.get('/redfish/v1/', serviceRoot);
    await session.logIn(root.Links?.Sessions?.['@odata.id']);
    try {
      const { value } = await session.get(root.Systems['@odata.id'], collection);
      const path = chooseSystem(
        value.Members.map((member) => member['@odata.id']),
        target.parameters['system'],
      );
      return await act(session, { path, ...(await session.get(path, computerSystem)) });
    } finally {
      await session.logOut();
    }
  }
}

function accessOf(target: PowerTarget, allowLocal: boolean): RedfishAccess {
  const { url = '', user = '', password = '', certificate, fingerprint } = target.parameters;
  return {
    base: new URL(url),
    user,
    password,
    trust: {
      anyIssuer: certificate === 'any' || fingerprint !== undefined,
      ...(fingerprint === undefined ? {} : { fingerprint }),
    },
    allowLocal,
  };
}

/** The one system of the service, or the one whose path ends in the given id. */
function chooseSystem(paths: readonly string[], id: string | undefined): string {
  const idOf = (path: string) => decodeURIComponent(path.replace(/\/+$/, '').split('/').at(-1) ?? '');
  const fitting = id === undefined ? paths : paths.filter((path) => idOf(path) === id);
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) return first;
  const known = paths.map(idOf).slice(0, 20).join(', ');
  throw new PowerError(
    'misconfigured',
    id === undefined
      ? `cannot tell which system is meant: the service has ${paths.length}`
      : `cannot find the system "${id}"`,
    { hint: `set system= to one of: ${known === '' ? '(none)' : known}` },
  );
}

function stateOf(system: ComputerSystem): PowerState {
  // PoweringOn and PoweringOff are on their way: neither is the state that somebody waits for.
  switch (system.PowerState) {
    case 'On':
    case 'PoweringOff':
      return 'on';
    case 'Off':
    case 'PoweringOn':
      return 'off';
    default:
      return 'unknown';
  }
}

/** Asks for the first of the wanted kinds that the system allows; the first of all where it does not say. */
async function reset(session: RedfishSession, system: FoundSystem, wanted: readonly string[]): Promise<void> {
  const action = system.value.Actions?.['#ComputerSystem.Reset'];
  if (action === undefined) throw new PowerError('refused', 'cannot switch the system: it has no reset action');
  const allowed = action['ResetType@Redfish.AllowableValues'];
  const kind = allowed === undefined ? wanted[0] : wanted.find((each) => allowed.includes(each));
  if (kind === undefined) {
    const offered = allowed?.join(', ') ?? '';
    throw new PowerError('refused', `cannot switch the system: it allows ${offered}, wanted ${wanted.join(' or ')}`);
  }
  await session.post(action.target, { ResetType: kind });
}

function checkUrl(value: string): string | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return 'is no http or https URL';
  return url.username === '' && url.password === '' ? null : 'may not hold credentials: use user and password';
}
