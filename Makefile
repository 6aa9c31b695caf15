# act: compress a fine-tuned text classifier. `make help` lists everything.
#
#   make afqmc                                  bundled synthetic sample, nothing downloaded
#   make afqmc DATA=~/clue/afqmc                real data, small encoder trained from scratch
#   make afqmc DATA=~/clue/afqmc BASE=base.act  real data, your fine-tuned model
#
# Every artifact is a file under build/<model>/<task>/; a second make redoes only what changed.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

TASKS := afqmc tnews iflytek ocnli cmnli cluewsc2020 csl
# English tasks with a reader; there is no sample corpus for them, so they need DATA.
EXTRA_TASKS := sst2 mrpc rte
PROGRAMS := act-data act-convert act-prune act-distill act-quant act-eval

DATA ?=
BASE ?=
DEVICE ?= cpu
THREADS ?= 0
SEED ?= 42
BUILD ?= build
CARGO ?= cargo
CARGO_FLAGS ?= --locked
PREFIX ?= /usr/local

# Whose recipe: a given model's, or the small encoder's on the sample corpus or on real data.
ifneq ($(BASE),)
MODEL ?= pp-minilm
else
MODEL ?= $(if $(DATA),small,sample)
endif
CONFIGS := configs/$(MODEL:small=sample)

ifeq ($(BASE)$(filter sample small,$(MODEL)),)
$(error MODEL=$(MODEL) compresses a fine-tuned model: give it with BASE=model.act)
endif

# The encoder that is trained when no BASE is given, and the size of the sample corpus.
LAYERS ?= 4
HIDDEN ?= 128
HEADS ?= 4
SAMPLE_FLAGS ?=
REPORT_FLAGS ?=

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET_DIR)/release
export PATH := $(abspath $(BIN)):$(PATH)
SHARED_FLAGS := --seed $(SEED) --threads $(THREADS)
FEATURES := $(if $(filter cuda%,$(DEVICE)),--features act-nn/cuda,$(if $(filter flex,$(DEVICE)),--features act-nn/flex))

.PHONY: help
help: ## List the targets
	@echo "Tasks: $(TASKS) (and with DATA: $(EXTRA_TASKS))"
	@echo "Variables: DATA BASE MODEL DEVICE THREADS SEED BUILD LAYERS HIDDEN HEADS"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build
build: ## Build the stage binaries (release)
	@$(CARGO) build --release $(CARGO_FLAGS) --workspace --bins $(FEATURES)

.PHONY: force
force:

# $(1) task. Where its data are: DATA (the task's folder, or a root with one folder a task),
# data/clue/<task> if it is there, otherwise the generated sample corpus.
define task_rules
$(1)_out := $(BUILD)/$(MODEL)/$(1)
$(1)_given := $$(if $(DATA),$$(firstword $$(dir $$(wildcard $(DATA)/$(1)/train.*)) $(DATA)),$$(if $$(wildcard data/clue/$(1)/train.*),data/clue/$(1)))
$(1)_data := $$(or $$($(1)_given),$(BUILD)/$(MODEL)/$(1)/data)
$(1)_files := $$(if $$($(1)_given),$$(wildcard $$($(1)_data)/train.* $$($(1)_data)/dev.*),$$($(1)_data)/train.json)
$(1)_config := $(CONFIGS)/$(1).yaml

.PHONY: $(1)
$(1): $$($(1)_out)/report.md
	@cat $$(<:.md=.txt)
	@echo "Files: $$($(1)_out)/{base,pruned,student,int8}.act, report.{html,md,json,txt}"

# The words that chose the inputs; the file is written anew only when they change.
$(1)_words := DATA=$$($(1)_data) BASE=$(BASE) SHAPE=$(LAYERS)x$(HIDDEN)/$(HEADS) SAMPLE=$(SAMPLE_FLAGS) SEED=$(SEED)
$(1)_before := $$(file < $$($(1)_out)/inputs)
$$($(1)_out)/inputs: $$(if $$(subst $$($(1)_before),,$$($(1)_words))$$(subst $$($(1)_words),,$$($(1)_before)),force)
	@mkdir -p $$(@D) && echo '$$($(1)_words)' > $$@

ifeq ($$($(1)_given),)
$$($(1)_data)/train.json: $$($(1)_out)/inputs | build
	act-data sample $(1) -o $$(@D) --seed $(SEED) $(SAMPLE_FLAGS)
	@touch $$@
endif

ifeq ($(BASE),)
$$($(1)_out)/base.act: $$($(1)_files) $(CONFIGS)/base.yaml $$($(1)_out)/inputs | build
	act-convert new --layers $(LAYERS) --hidden $(HIDDEN) --heads $(HEADS) \
	    -c $(CONFIGS)/base.yaml --data $$($(1)_data) --task $(1) --seed $(SEED) -q \
	  | act-distill -c $(CONFIGS)/base.yaml --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) -o $$@
else ifneq ($$(filter %.act,$(BASE)),)
$$($(1)_out)/base.act: $(BASE) $$($(1)_out)/inputs | build
	cp $$< $$@.tmp && mv $$@.tmp $$@
else
$$($(1)_out)/base.act: $(BASE) $$($(1)_out)/inputs | build
	act-convert import $$< --task $(1) -o $$@
endif

$$($(1)_out)/pruned.act: $$($(1)_out)/base.act $$($(1)_config) $$($(1)_files) | build
	act-prune $$< -c $$($(1)_config) --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) \
	    -o $$@ --report $$(@:.act=.json)

$$($(1)_out)/student.act: $$($(1)_out)/pruned.act $$($(1)_out)/base.act $$($(1)_config) $$($(1)_files) | build
	act-distill $$< --teacher $$($(1)_out)/base.act -c $$($(1)_config) --data $$($(1)_data) \
	    $(SHARED_FLAGS) --device $(DEVICE) -o $$@ --report $$(@:.act=.json)

$$($(1)_out)/int8.act: $$($(1)_out)/student.act $$($(1)_config) $$($(1)_files) | build
	act-quant $$< -c $$($(1)_config) --data $$($(1)_data) $(SHARED_FLAGS) -o $$@ --report $$(@:.act=.json)

$$($(1)_out)/report.md: $$($(1)_out)/base.act $$($(1)_out)/pruned.act $$($(1)_out)/student.act $$($(1)_out)/int8.act | build
	act-eval report $$^ --data $$($(1)_data) --training $$(@D)/student.json \
	    -o $$@ -o $$(@:.md=.json) -o $$(@:.md=.html) $(REPORT_FLAGS) > $$(@:.md=.txt)

.PHONY: fetch-$(1)
fetch-$(1): | build ## Download the official data of a task to data/clue/<task>
	act-data fetch $(1) -o data/clue/$(1)
endef
$(foreach task,$(TASKS) $(EXTRA_TASKS),$(eval $(call task_rules,$(task))))

.PHONY: clue
clue: $(TASKS) ## All seven tasks

.PHONY: test
test: ## Every test (release profile, so that it shares the build with the pipeline)
	$(CARGO) test --release $(CARGO_FLAGS) --workspace

.PHONY: lint
lint: ## rustfmt and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

.PHONY: check
check: lint ## lint and cargo-deny (cargo install cargo-deny)
	$(CARGO) deny check

.PHONY: bench
bench: ## Engine and training timings on this machine
	$(CARGO) run --release $(CARGO_FLAGS) -p act-infer --example bench
	$(CARGO) run --release $(CARGO_FLAGS) -p act-nn --example throughput

.PHONY: install
install: build ## Install binaries, manual pages and shell completions to PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(addprefix $(BIN)/,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	for program in $(PROGRAMS); do $(BIN)/$$program --generate $(DESTDIR)$(PREFIX)/share; done

.PHONY: uninstall
uninstall: ## Remove what install wrote
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(PROGRAMS))
	cd $(DESTDIR)$(PREFIX)/share && rm -f $(foreach p,$(PROGRAMS),man/man1/$p.1 man/man1/$p-*.1 \
	  bash-completion/completions/$p zsh/site-functions/_$p fish/vendor_completions.d/$p.fish)

.PHONY: clean
clean: ## Remove everything that make has built for the tasks
	rm -rf $(BUILD)
