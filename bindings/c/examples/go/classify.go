// Classifies lines of standard input: classify MODEL.act < texts.txt
package main

// #cgo CFLAGS: -I${SRCDIR}/../../include
// #cgo LDFLAGS: -lact
// #include <stdlib.h>
// #include "act.h"
import "C"

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// Classifier is a loaded model, which goroutines may share.
type Classifier struct {
	model *C.act_classifier
}

// told makes an error of a call's status and of the line in its buffer.
func told(status C.act_status, line []C.char) error {
	if status == C.ACT_STATUS_OK {
		return nil
	}
	return errors.New(C.GoString(&line[0]))
}

// Open loads a model that computes a call on so many threads.
func Open(path string, threads int) (*Classifier, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var c Classifier
	line := make([]C.char, 512)
	status := C.act_open(name, C.size_t(threads), &c.model, &line[0], C.size_t(len(line)))
	if err := told(status, line); err != nil {
		return nil, err
	}
	return &c, nil
}

// Close ends it; no other call may use it then or later.
func (c *Classifier) Close() {
	C.act_close(c.model)
}

// Labels answers texts with the most probable label of each.
func (c *Classifier) Labels(texts []string) ([]string, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	// C may not hold pointers into Go's memory that hold others: the array of strings is C's.
	size := C.size_t(unsafe.Sizeof((*C.char)(nil)))
	array := (**C.char)(C.calloc(C.size_t(len(texts)), size))
	defer C.free(unsafe.Pointer(array))
	strings := unsafe.Slice(array, len(texts))
	for i, text := range texts {
		strings[i] = C.CString(text)
		defer C.free(unsafe.Pointer(strings[i]))
	}
	classes := (*C.size_t)(C.calloc(C.size_t(len(texts)), C.size_t(unsafe.Sizeof(C.size_t(0)))))
	defer C.free(unsafe.Pointer(classes))
	line := make([]C.char, 512)
	answers := C.act_answers{classes: classes}
	status := C.act_classify(c.model, array, nil, C.size_t(len(texts)), answers, &line[0], C.size_t(len(line)))
	if err := told(status, line); err != nil {
		return nil, err
	}
	labels := make([]string, len(texts))
	for i, class := range unsafe.Slice(classes, len(texts)) {
		labels[i] = C.GoString(C.act_label(c.model, class))
	}
	return labels, nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: classify MODEL.act < texts.txt")
		os.Exit(2)
	}
	model, err := Open(os.Args[1], 1)
	if err != nil {
		fmt.Fprintln(os.Stderr, "classify:", err)
		os.Exit(1)
	}
	defer model.Close()
	var texts []string
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		texts = append(texts, lines.Text())
	}
	labels, err := model.Labels(texts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "classify:", err)
		os.Exit(1)
	}
	for _, label := range labels {
		fmt.Println(label)
	}
}
