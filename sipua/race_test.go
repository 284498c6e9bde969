//go:build race

package sipua_test

// underRace: random walks take fewer steps.
const underRace = true
