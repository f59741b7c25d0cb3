import { MusterError } from '../../error.js';
import { formatAddress, type Ipv4 } from './address.js';
import {
  formatPrefix,
  isHostAddress,
  lastAddressOf,
  maskOf,
  prefixContains,
  prefixesOverlap,
  type Prefix,
} from './prefix.js';

/**
 * A fan: every host of the underlay owns a slice of the overlay, computed from its underlay address alone.
 *
 *     underlay U/u, overlay O/o, host h:   slice length s = o + (32 - u)
 *                                          slice          = O | ((h & ~mask(u)) << (u - o))
 */
export interface Fan {
  underlay: Prefix;
  overlay: Prefix;
}

/** The longest slice that still holds a bridge and a container (RFC 3021 gives no room for both in a /31). */
const LONGEST_SLICE = 30;

/** Throws (`invalid`, with the numbers) where no fan can be laid over these networks. */
export function checkFan(fan: Fan): void {
  const { underlay, overlay } = fan;
  const names = `overlay ${formatPrefix(overlay)} over underlay ${formatPrefix(underlay)}`;
  if (overlay.length >= underlay.length) {
    throw new MusterError(
      'invalid',
      `cannot lay ${names}: the overlay's length ${overlay.length} must be shorter than the underlay's ${underlay.length}`,
      { hint: 'Use a larger overlay, such as 250.0.0.0/8' },
    );
  }
  if (prefixesOverlap(underlay, overlay)) {
    throw new MusterError('invalid', `cannot lay ${names}: they overlap`, {
      hint: 'Use an overlay that is not routed here, such as 250.0.0.0/8',
    });
  }
  if (sliceLength(fan) > LONGEST_SLICE) {
    throw new MusterError(
      'invalid',
      `cannot lay ${names}: each host's slice would be a /${sliceLength(fan)}, longer than /${LONGEST_SLICE}`,
      { hint: 'Use a longer underlay prefix or a larger overlay' },
    );
  }
}

/** A host's slice of the overlay. Throws (`invalid`) for a fan or a host that cannot be. */
export function fanSlice(fan: Fan, host: Ipv4): Prefix {
  checkFan(fan);
  const { underlay, overlay } = fan;
  if (!prefixContains(underlay, host)) refuseHost(fan, host, 'it is outside the underlay');
  if (!isHostAddress(underlay, host)) {
    refuseHost(
      fan,
      host,
      host === underlay.network ? "it is the underlay's network" : "it is the underlay's broadcast",
    );
  }
  const hostBits = (host & ~maskOf(underlay.length)) >>> 0;
  // Multiplied, not shifted: a shift by 32 or into bit 31 is another thing in JavaScript.
  const offset = hostBits * 2 ** (underlay.length - overlay.length);
  return { network: (overlay.network | offset) >>> 0, length: sliceLength(fan) };
}

/** The address of a host's bridge: the first of its slice. */
export function fanBridgeAddress(fan: Fan, host: Ipv4): Ipv4 {
  return fanSlice(fan, host).network + 1;
}

/** The underlay address of the host that owns an overlay address. Throws (`invalid`) where no host can own it. */
export function fanHostOf(fan: Fan, overlayAddress: Ipv4): Ipv4 {
  checkFan(fan);
  const { underlay, overlay } = fan;
  if (!prefixContains(overlay, overlayAddress)) {
    throw new MusterError(
      'invalid',
      `cannot find the host of ${formatAddress(overlayAddress)}: it is outside the overlay ${formatPrefix(overlay)}`,
    );
  }
  const slice = (overlayAddress & ~maskOf(overlay.length)) >>> (underlay.length - overlay.length);
  const host = (underlay.network | slice) >>> 0;
  if (!isHostAddress(underlay, host)) {
    const what = host === lastAddressOf(underlay) ? 'broadcast' : 'network';
    throw new MusterError(
      'invalid',
      `cannot find the host of ${formatAddress(overlayAddress)}: its slice belongs to the underlay's ${what} address ${formatAddress(host)}`,
    );
  }
  return host;
}

function sliceLength(fan: Fan): number {
  return fan.overlay.length + 32 - fan.underlay.length;
}

function refuseHost(fan: Fan, host: Ipv4, reason: string): never {
  throw new MusterError(
    'invalid',
    `cannot give ${formatAddress(host)} a slice of ${formatPrefix(fan.overlay)} over ${formatPrefix(fan.underlay)}: ${reason}`,
    { hint: `Use a host's own address in ${formatPrefix(fan.underlay)}` },
  );
}
