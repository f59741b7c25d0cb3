# Makes the machine's facts from the lines that facts.sh gathered.
def rows: split("\n") | map(select(. != "") | split("\u001f"));
def text: if . == null then null else (gsub("[[:cntrl:]]"; "") | sub("^\\s+"; "") | sub("\\s+$"; "")) as $t
  | if $t == "" then null else $t[0:500] end end;
def number: if . == null or . == "" then null else tonumber? // null end;
def distinct(name): map(select(.[0] == name) | .[1]) | unique | length;

($system | rows | map({key: .[0], value: (.[1] | text)}) | from_entries) as $s
| ($cpu | split("\n") | map(select(. != "") | split(":") | [(.[0] | sub("\\s+$"; "")), (.[1:] | join(":") | text)])) as $c
| ($c | map(select(.[0] == "processor")) | length) as $threads
| ([($c | distinct("physical id")), 1] | max) as $sockets
| (($c | map(select(.[0] == "cpu cores") | .[1] | number) | first) // ($threads / $sockets | floor)) as $coresEach
| {facts: {
  architecture: ($s.architecture // "unknown"),
  cpu: {
    model: ($c | map(select(.[0] == "model name") | .[1]) | first),
    sockets: $sockets,
    cores: ([$coresEach * $sockets, 1] | max),
    threads: $threads,
    flags: (($c | map(select(.[0] == "flags") | .[1]) | first // "") | split(" ") | map(select(. != "")) | .[0:500])
  },
  memoryMegabytes: (($s.memory_kilobytes | number // 0) / 1024 | floor),
  numaNodes: ([($s.numa_nodes | number // 1), 1] | max),
  disks: ($disks | rows | map({
    name: .[0], serial: (.[1] | text), wwn: (.[2] | text), model: (.[3] | text),
    sizeBytes: (.[4] | number // 0),
    rotational: (if .[5] == "1" then true elif .[5] == "0" then false else null end),
    bus: (.[6] | text)
  })),
  nics: ($nics | rows | map({
    name: .[0], mac: .[1], driver: (.[2] | text),
    speedMbps: (.[3] | number | if . == null or . < 0 then null else . end),
    link: (if .[4] == "1" then true elif .[4] == "0" then false else null end),
    boot: (.[5] == "1"),
    lldp: (.[6] | if . == null or . == "" then null else (split("\t") | {chassis: (.[0] | text), port: (.[1] | text), system: (.[2] | text)}) end)
  })),
  pci: ($pci | rows | map({address: .[0], class: (.[1] | text), vendor: (.[2] | text), device: (.[3] | text)})),
  usb: ($usb | rows | map({vendor: (.[0] | text), product: (.[1] | text), name: (.[2] | text)})),
  firmware: {
    mode: $s.firmware, vendor: $s.bios_vendor, version: $s.bios_version, date: $s.bios_date,
    secureBoot: (if $s.secure_boot == "1" then true elif $s.secure_boot == "0" then false else null end)
  },
  system: {
    vendor: $s.sys_vendor, product: $s.product_name, serial: $s.product_serial,
    uuid: ($s.product_uuid | if . == null then null else ascii_downcase end)
  },
  bmc: (if $s.bmc_type == null then null else {type: $s.bmc_type, address: $s.bmc_address} end),
  tpm: (if $s.tpm == null then null else {version: $s.tpm} end),
  virtualization: $s.virtualization,
  kernel: $s.kernel
}}
