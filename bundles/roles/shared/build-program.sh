#!/bin/sh
# Makes fan.bpf.base64 from fan.bpf.s, with LLVM's assembler (Debian package llvm). Little-endian hosts: amd64, arm64.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object"' EXIT
llvm-mc -triple=bpfel -filetype=obj -o "$object" fan.bpf.s
llvm-strip --strip-debug "$object"
base64 -w 100 "$object" >fan.bpf.base64
