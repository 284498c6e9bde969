// Command program leans on all that the runtime's tables are there for and prints
// what comes of it.
package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

func main() {
	recovers()
	wrappers()
	println("depth", deep(20_000, [8]int{}))
	collect()
	goroutines()
	names()
	stack()
}

// caught runs f and prints what it panics with.
func caught(name string, f func()) {
	defer func() {
		r := recover()
		var re runtime.Error
		err, _ := r.(error)
		println(name, fmt.Sprint(r), errors.As(err, &re))
	}()
	f()
}

type node struct {
	next *node
	data [100]byte
}

type speaker interface{ speak() string }

func recovers() {
	var m map[string]int
	var p *node
	var s speaker
	var f func()
	list := []int{1, 2, 3}
	zero := len(list) - 3
	caught("nil map", func() { m["a"] = 1 })
	caught("nil dereference", func() { p.data[5] = 1 })
	caught("nil interface", func() { s.speak() })
	caught("nil function", func() { f() })
	caught("index", func() { list[len(list)+zero]++ })
	caught("slice", func() { list = list[zero+2 : zero+1] })
	caught("array", func() { println(([4]int)(list)[0]) })
	caught("division", func() { println(1 / zero) })
	caught("conversion", func() { println(any(list).(string)) })
	caught("closed", func() { c := make(chan int); close(c); close(c) })
	caught("error", func() { panic(errors.New("an error")) })
	caught("again", func() {
		defer func() { panic(fmt.Sprint("second after ", recover())) }()
		panic("first")
	})
	caught("both", func() {
		defer func() { panic("second") }()
		panic("first")
	})
	caught("in a loop", func() { // so many that defers are not open-coded
		for i := range 20 {
			defer func() {
				if i%7 == 0 {
					println("deferred", i, fmt.Sprint(recover()))
				}
			}()
		}
		panic("looped")
	})
	caught("exit", func() {
		var wg sync.WaitGroup
		wg.Go(func() {
			defer println("deferred at Goexit")
			runtime.Goexit()
		})
		wg.Wait()
	})
	println("result", result(0), result(1), result(2))
}

// result has defers that the compiler opens, with conditions.
func result(n int) (text string) {
	defer func() { text += "1" }()
	if n > 0 {
		defer func() { text += fmt.Sprint(recover()) }()
	}
	if n > 1 {
		defer func() { text += "3" }()
		panic("two")
	}
	return "zero"
}

type value struct{ name string }

func (v value) close(of string) {
	println("close", v.name, of, fmt.Sprint(recover()))
}

type outer struct {
	value
	more int
}

//go:noinline
func (v value) callers() []string { return through(v) }

type closer interface {
	close(string)
	callers() []string
}

func again() any { return recover() } // is not called by the deferred call itself

// wrappers recovers in methods that the compiler reaches through functions of its
// own, which do not count as callers.
func wrappers() {
	v := value{"v"}
	o := &outer{value: value{"o"}}
	var c closer = o
	for number, f := range []func(){
		func() { defer v.close("direct"); panic(0) },
		func() { defer o.close("embedded"); panic(1) },
		func() { defer c.close("interface"); panic(2) },
		func() { f := o.close; defer f("bound"); panic(3) },
		func() { defer (*outer).close(o, "expression"); panic(4) },
		func() { defer func() { println("helper", fmt.Sprint(again())) }(); panic(5) },
		func() { defer recover(); panic(6) },
		func() { defer func() { defer func() { println("nested", fmt.Sprint(recover())) }() }(); panic(7) },
		func() { defer generic[string]("text"); panic(8) },
		func() {
			for range 1 {
				defer c.close("loop")
				panic(9)
			}
		},
	} {
		func() {
			defer func() { wrapped[number] = fmt.Sprint(recover()) }()
			f()
		}()
	}
	println(strings.Join(wrapped[:], ","))
}

var wrapped [10]string

func generic[T any](v T) { println("generic", fmt.Sprint(v), fmt.Sprint(recover())) }

// deep needs a stack of megabytes, which is copied as it grows.
func deep(n int, a [8]int) int {
	if n == 0 {
		return a[0]
	}
	p := &a[n%8] // a pointer into the stack
	*p += n % 3
	b := deep(n-1, [8]int{a[0] + 1, a[1]})
	return b + *p - n%3 - a[n%8] + n%3
}

// collect keeps pointers where only stack maps tell of them, while the collector
// works.
func collect() {
	debug.SetGCPercent(10)
	defer debug.SetGCPercent(100)
	var kept *node
	sum := 0
	for i := range 20_000 {
		n := &node{data: [100]byte{byte(i)}}
		if i%100 == 0 {
			n.next = kept
			kept = n
		}
		text := strings.Repeat("x", i%300)
		parts := strings.Split(text+","+text, ",")
		sum += len(parts[0]) + len(parts[1])
		if i%5000 == 0 {
			runtime.GC()
		}
	}
	count := 0
	for n := kept; n != nil; n = n.next {
		count += int(n.data[0])
	}
	println("kept", count, sum)
}

func goroutines() {
	results := make(chan int)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			timer := time.NewTimer(time.Duration(i%5) * time.Millisecond)
			<-timer.C
			runtime.Gosched()
			results <- deep(i, [8]int{i})
		})
	}
	go func() { wg.Wait(); close(results) }()
	sum := 0
	for r := range results {
		runtime.GC()
		sum += r
	}
	println("goroutines", sum)
}

// callers returns the names of the program's functions that are running. None of
// them is inlined, because callers that are inlined are no longer told.
//
//go:noinline
func callers() (names []string) {
	var pcs [20]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "main.") {
			names = append(names, f.Function)
		}
		if !more {
			return names
		}
	}
}

//go:noinline
func through[T any](T) []string { return callers() }

func names() {
	println(strings.Join(through(outer{}), " "))
	var c closer = &outer{}
	println(strings.Join(c.callers(), " "))
	pc, _, _, ok := runtime.Caller(0)
	println(runtime.FuncForPC(pc).Name(), ok)
}

// stack prints the names in the trace that a crash would show, without addresses,
// arguments, files and lines.
func stack() {
	for line := range strings.Lines(string(debug.Stack())) {
		if name, _, ok := strings.Cut(line, "("); ok && !strings.HasPrefix(line, "\t") {
			println("stack", name)
		}
	}
}
