# The fan as a program on the tunnel's way out: overlay destination in, tunnel key out. Assembled by build-program.sh.
# The four numbers of a fan are placeholders (0xa1fa01fa ...), which the fan program writes over before it loads this.
#
#   remote = U | ((daddr & ~mask(o)) >> (u - o))
	.section tc,"ax",@progbits
	.globl	fan
	.type	fan,@function
fan:
	r6 = r1
	r2 = 16				# the destination's offset in the IPv4 header (RFC 791 section 3.1)
	r3 = r10
	r3 += -4
	r4 = 4
	r5 = 1				# BPF_HDR_START_NET
	call 68				# bpf_skb_load_bytes_relative
	if r0 != 0 goto shot
	r1 = *(u32 *)(r10 - 4)
	r1 = be32 r1
	w1 &= 0xa2fa02fa		# ~mask(o)
	w1 >>= 0xa4fa04fa		# u - o
	w1 |= 0xa1fa01fa		# U
	*(u32 *)(r10 - 28) = r1		# bpf_tunnel_key.remote_ipv4, host order
	r1 = 0xa3fa03fa
	*(u32 *)(r10 - 32) = r1		# .tunnel_id
	r1 = 0
	*(u32 *)(r10 - 24) = r1		# the rest of the union with remote_ipv6
	*(u32 *)(r10 - 20) = r1
	*(u32 *)(r10 - 16) = r1
	r1 = 0x4000			# .tunnel_tos 0, .tunnel_ttl 64, .tunnel_ext 0
	*(u32 *)(r10 - 12) = r1
	r1 = r6
	r2 = r10
	r2 += -32
	r3 = 24				# the key without label and local address, as kernels have taken it since 4.5
	r4 = 2				# BPF_F_ZERO_CSUM_TX
	call 21				# bpf_skb_set_tunnel_key
	if r0 != 0 goto shot
	r0 = 0				# TC_ACT_OK
	exit
shot:
	r0 = 2				# TC_ACT_SHOT
	exit
	.size	fan, .-fan

	.section license,"aw",@progbits
	.asciz	"Apache-2.0"
