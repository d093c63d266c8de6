package main

import (
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
)

// One text, and what substitution makes of it with the variables of envsubstValues.
type envsubstAnswer struct {
	Text string `json:"text"`
	// The result, or an error that begins with "error: ", for missing variables that are empty (before Flux 2.9)…
	Lenient string `json:"lenient"`
	// … and for those that are refused.
	Strict string `json:"strict"`
}

var envsubstValues = map[string]string{
	"a": "abc", "b": "hello world", "empty": "", "path": "a/b/c.tar.gz", "n": "1", "m": "-2",
	"wide": "äöü", "star": "*", "dots": "1.2.3", "slash": "a/a/a", "U": "MIXED case", "_x": "under", "x1": "one",
	"dollar": "$a", "brace": "${a}", "pct": "50%", "class": "[b]", "nl": "", "number": "8080", "sz": "straße",
}

func envsubstTexts() []string {
	var texts []string
	add := func(more ...string) { texts = append(texts, more...) }
	// Operators, each with a value, an empty one, none, and a nested argument.
	operators := []string{
		"", ":-d", ":=d", "=d", "-d", "?d", "+d", ":?d", ":+d", ":-", ":=", "=", ":-${b}", ":=${none}", ":-x${b}y${a}z", ":-${none:-${a}}",
		"^", "^^", "^^^", ",", ",,", ",,,", "^,", ":1", ":1:1", ":0:2", ":-1", ": -1", ":n", ":99", ":1:99", ":1:-1", ":2:-2", ":${n}", ":${n}:${n}", ":1:", ":", "::1", ":1:1:1", ":0:0",
		"#a", "##a", "%c", "%%c", "#*b", "##*b", "%b*", "%%b*", "#*", "##*", "%*", "%%*", "#", "##", "%", "%%", "#[ab]", "%[!c]", "%[^c]", "#a[", "#\\a", "#?", "%?", "#${a}", "%${star}", "###a", "%%%c",
		"/a/x", "//a/x", "/#a/x", "/%c/x", "/b/", "//b/", "/b", "//", "/", "/a/${b}", "//${n}/z", "/a\\/b/x", "/a/x\\/y", "/a/x/y", "//a/x}", "/#/p", "/%/s", "///x", "/b/\\\\", "/\\\\/x",
		"@", "[@]", "[*]", "[0]", ".y", "-id", "!", "*", " ", " :-d", ":-d ", ":- d", ": d", ";x", "|x", "~x", "&", "'",
	}
	for _, name := range []string{"a", "empty", "none", "path"} {
		for _, operator := range operators {
			add("${" + name + operator + "}")
		}
	}
	for _, name := range []string{"wide", "dots", "slash", "U", "sz"} {
		for _, operator := range []string{"", "^", "^^", ",", ",,", ":1", ":1:2", ":-1", "#?", "%?", "##*.", "#*.", "%.*", "%%.*", "//a/bb", "/#a/x", "/%a/x", "%%/*", "##*/", "//./-", "//ö/o", "//ss/ß"} {
			add("${" + name + operator + "}")
		}
	}
	// Names.
	add("${_x}", "${x1}", "${1}", "${1a}", "${é}", "${a_b}", "${A}", "${a-b}", "${a.b}", "${ a}", "${a }", "${}", "${:-x}", "${=x}", "${#}", "${#a}", "${#none}", "${#empty}", "${#a:-1}", "${#a }", "${##a}", "${#wide}", "${!a}", "${*}", "${@}", "${?}", "${$}", "${-}", "${a:é}", "${a:-é}", "${a/é/x}", "${ª}", "${²}", "${a²}", "${Ⅷ}", "${𝔸}")
	// Dollars, escapes, braces.
	add("", "$", "$$", "$$$", "$$$$", "$a", "$$a", "$(a)", "$[a]", "${a", "${a:-", "${a:-d", "${a/b", "${a/b/c", "${a:1", "${a^^", "${a%", "$${a}", "$$${a}", "$$$${a}", "$$$$${a}", "x$${a}y${a}z", "{{ a }}", "${{ a }}", "$ {a}", "${a}}", "{${a}}", "}${a}", "$${a", "${a}$", "${a}$$", "${a}${b}", "${a}$${b}${a}", `\${a}`, `\\${a}`, `\$${a}`, `a\/b`, `${a:-\}}`, `${a:-\/}`, `${none:-\\}`, "${none:-$}", "${none:-$$}", "${none:-$$x}", "${none:-$${a}}", "${none:-$a}", "${none:-{}", "${none:-{}}", "${none:-{x}}", `${none:-"q"}`, `${none:-'q'}`, "${none:-a b c}", "${none:-a:b}", "${none:-a=b}", "${none:-a/b}", "${none:-a#b}", "${none:-a%b}", "${none:-a\nb}", "${none:-é}", "a\nb ${a}\nc", "é${a}é", "${none:-${none:-${none:-deep}}}", "${none:-${a}", "${a:-${b}", "${a:-${none}}", "${empty:-${none}}", "${none:=${empty}}", "${none:=${none:-}}x", "${dollar}", "${brace}", "${pct}", "${class}", "${a#${class}}", "${a/${none}/x}", "${a//${empty}/-}", "${a/${empty}/-}", "${none/a/b}", "${none:1}", "${none^^}", "${none#a}", "${none//a/${none}}",
		"${VAR=}", "${VAR==}", "${VAR=a=b}", "${VAR:==}", "${VAR:--}", "${VAR:-:-}", "${VAR:=:=x}", "${a:=b:-c}", "${a:--1}", "${a:-1:2}",
		"#!/bin/sh\nfor i in ${a}; do echo $i; done", "echo ${hosts[@]}", "${client-id}", "${a?}", "${a:0}", "${a: 1}", "${b:6}", "${b:0:5}", "${b: -5}", "${b:-5}", "${b:${m}}", "${b:1:${m}}", "${path##*/}", "${path%%.*}", "${path%.*}", "${path#*/}", "${path%/*}", "${path//\\//-}", "${path/\\//-}", "${path//b\\/c/X}", "${path/%gz/xz}", "${path/#a/z}", "${slash//a/${n}}", "${dots%.*}", "${dots%%.*}", "${dots//./}", "${number}", "${number:0:2}", "${U,,}", "${U^^}", "${U,}", "${b^}")
	seen := map[string]bool{}
	var once []string
	for _, text := range texts {
		if !seen[text] {
			seen[text] = true
			once = append(once, text)
		}
	}
	return once
}

func envsubstAnswers() any {
	var answers []envsubstAnswer
	for _, text := range envsubstTexts() {
		answers = append(answers, envsubstAnswer{
			Text:    text,
			Lenient: evaluate(text, false),
			Strict:  evaluate(text, true),
		})
	}
	return map[string]any{"module": "github.com/fluxcd/pkg/envsubst v1.7.1", "values": envsubstValues, "answers": answers}
}

func evaluate(text string, strict bool) (answer string) {
	defer func() {
		if why := recover(); why != nil {
			answer = fmt.Sprint("error: panic: ", why)
		}
	}()
	done, err := envsubst.Eval(text, func(name string) (string, bool) {
		value, ok := envsubstValues[name]
		return value, ok || !strict
	})
	if err != nil {
		return "error: " + strings.TrimSpace(err.Error())
	}
	return strings.ToValidUTF8(done, "\uFFFD")
}
