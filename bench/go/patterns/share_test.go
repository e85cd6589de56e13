// What the benchmarks share; see ../../bench.h.

package patterns

// The i-th of parts equal shares of n.
func share(n, i, parts int) int {
	n, rest := n/parts, n%parts
	if i < rest {
		n++
	}
	return n
}
