//go:build !race

package sipua_test

const underRace = false
