//go:build !race && !js

package sipua_test

const underRace = false
