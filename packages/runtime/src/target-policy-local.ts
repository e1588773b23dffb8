import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { networkOf, type CidrList } from "./target-policy-address.ts";

/**
 * The networks this machine is on, for `TargetPolicy.local`: a home's devices have public IPv6 addresses, and no
 * table of ranges can tell them from the world (faults A16, G17). Read again before a connection or once a
 * minute: a laptop changes networks.
 */
export function localNetworks(
  interfaces: NodeJS.Dict<readonly Pick<NetworkInterfaceInfo, "cidr">[]> = networkInterfaces(),
): CidrList {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ cidr }) => (cidr === null ? [] : [networkOf(cidr)]));
}
