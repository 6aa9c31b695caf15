# act: compress a fine-tuned text classifier. `make help` lists everything.
#
#   make afqmc                                  bundled synthetic sample, nothing downloaded
#   make afqmc DATA=~/clue/afqmc                real data, small encoder trained from scratch
#   make afqmc DATA=~/clue/afqmc BASE=base.act  real data, your fine-tuned model
#   make clue DATA=~/clue BASE=~/models         all seven tasks: BASE/afqmc.tar, BASE/tnews/, ...
#   make ernie-3.0-medium-afqmc BASE=...        another model's recipe: configs/MODEL/TASK.yaml
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
# cuda:1 needs the feature cuda; what the CPU needs is always there.
FEATURES := $(addprefix --features act-nn/,$(filter cuda flex vulkan,$(firstword $(subst :, ,$(DEVICE)))))

.PHONY: help
help: ## List the targets
	@echo "Tasks: $(TASKS) (and with DATA: $(EXTRA_TASKS))"
	@echo "With BASE also MODEL-TASK (ernie-3.0-medium-afqmc); MODEL: $(sort $(patsubst %/,%,$(dir $(RECIPES))))"
	@echo "Variables: DATA BASE MODEL DEVICE THREADS SEED BUILD LAYERS HIDDEN HEADS"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build
build: ## Build the stage binaries (release)
	@$(CARGO) build --release $(CARGO_FLAGS) --workspace --bins $(FEATURES)

.PHONY: force
force:

# A number in a configuration, by key, or what it is by default.
number = $(or $(shell sed -nE 's/^ +$(2): *([0-9]+).*/\1/p' $(1)),$(3))

# $(1) task. Where its data are: DATA (the task's folder, or a root with one folder a task),
# data/clue/<task> if it is there, otherwise the generated sample corpus.
define task_rules
$(1)_out := $(BUILD)/$(MODEL)/$(1)
$(1)_given := $$(if $(DATA),$$(firstword $$(dir $$(wildcard $(DATA)/$(1)/train.*)) $(DATA)),$$(if $$(wildcard data/clue/$(1)/train.*),data/clue/$(1)))
$(1)_data := $$(or $$($(1)_given),$(BUILD)/$(MODEL)/$(1)/data)
$(1)_files := $$(if $$($(1)_given),$$(wildcard $$($(1)_data)/train.* $$($(1)_data)/dev.*),$$($(1)_data)/train.json)
$(1)_config := $(CONFIGS)/$(1).yaml
# BASE is the model, or a root with one a task.
$(1)_base := $$(or $$(firstword $$(wildcard $(if $(BASE),$(addprefix $(BASE)/$(1),.act .tar .tar.gz) $(BASE)/$(1)))),$(BASE))

.PHONY: $(1)
$(1): $$($(1)_out)/report.md
	@cat $$(<:.md=.txt)
	@$$(if $$(FINISHED),echo $$($(1)_out)/report.json >> $$(FINISHED))
	@echo "Files: $$($(1)_out)/{base,pruned,student,int8}.act, report.{html,md,json,txt}"

# The words that chose the inputs; the file is written anew only when they change.
$(1)_words := DATA=$$($(1)_data) BASE=$$($(1)_base) SHAPE=$(LAYERS)x$(HIDDEN)/$(HEADS) SAMPLE=$(SAMPLE_FLAGS) SEED=$(SEED)
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
	  | act-distill -c $(CONFIGS)/base.yaml --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) \
	    -o $$@ --report $$(@:.act=.json) --metrics $$(@:.act=.metrics.jsonl)
else ifneq ($$(filter %.act,$$($(1)_base)),)
$$($(1)_out)/base.act: $$($(1)_base) $$($(1)_out)/inputs | build
	cp $$< $$@.tmp && mv $$@.tmp $$@
else
$$($(1)_out)/base.act: $$($(1)_base) $$($(1)_out)/inputs | build
	act-convert import $$< --task $(1) -o $$@
endif

# Prune.steps: every step starts from the one before, and all but the last are distilled for
# Prune.step_iters. Each is a file, so that an interrupted recipe goes on where it was.
$$($(1)_out)/pruned.act: $$($(1)_out)/base.act $$($(1)_config) $$($(1)_files) | build
	@from=$$<; reference=; steps=$$(call number,$$($(1)_config),steps,1); \
	for i in $$$$(seq $$$$((steps - 1))); do \
	  step=$$(@D)/step-$$$$i.act; \
	  if [ ! -e $$$$step ] || [ "$$$$(find $$^ $$$$from -newer $$$$step)" ]; then \
	    (set -x; act-prune $$$$from -c $$($(1)_config) --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) \
	        --step $$$$i/$$$$steps $$$$reference \
	      | act-distill -c $$($(1)_config) --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) \
	        --teacher $$< --set TrainConfig.train_iter=$$(call number,$$($(1)_config),step_iters,300) -o $$$$step); \
	  fi; \
	  from=$$$$step; reference="--reference $$<"; \
	done; \
	set -x; act-prune $$$$from -c $$($(1)_config) --data $$($(1)_data) $(SHARED_FLAGS) --device $(DEVICE) \
	    --step $$$$steps/$$$$steps $$$$reference -o $$@ --report $$(@:.act=.json)

$$($(1)_out)/student.act: $$($(1)_out)/pruned.act $$($(1)_out)/base.act $$($(1)_config) $$($(1)_files) | build
	act-distill $$< --teacher $$($(1)_out)/base.act -c $$($(1)_config) --data $$($(1)_data) \
	    $(SHARED_FLAGS) --device $(DEVICE) -o $$@ --report $$(@:.act=.json) \
	    --metrics $$(@:.act=.metrics.jsonl)

# Calibration, and training where the configuration has QuantAware and calibration loses too much.
$$($(1)_out)/int8.act: $$($(1)_out)/student.act $$($(1)_out)/base.act $$($(1)_config) $$($(1)_files) | build
	act-quant $$< --teacher $$($(1)_out)/base.act -c $$($(1)_config) --data $$($(1)_data) \
	    $(SHARED_FLAGS) --device $(DEVICE) -o $$@ --report $$(@:.act=.json)

$$($(1)_out)/report.md: $$($(1)_out)/base.act $$($(1)_out)/pruned.act $$($(1)_out)/student.act $$($(1)_out)/int8.act | build
	act-eval report $$^ --data $$($(1)_data) \
	    $(if $(BASE),,--training $$(@D)/base.json) --training $$(@D)/student.json --training $$(@D)/int8.json \
	    -o $$@ -o $$(@:.md=.json) -o $$(@:.md=.html) $(REPORT_FLAGS) > $$(@:.md=.txt)

.PHONY: fetch-$(1)
fetch-$(1): | build ## Download the official data of a task to data/clue/<task>
	act-data fetch $(1) -o data/clue/$(1)
endef
$(foreach task,$(TASKS) $(EXTRA_TASKS),$(eval $(call task_rules,$(task))))

# A model's recipe for a task by one name.
RECIPES := $(filter-out sample/%,$(patsubst configs/%.yaml,%,$(wildcard configs/*/*.yaml)))

define recipe_rules
.PHONY: $(subst /,-,$(1))
$(subst /,-,$(1)):
	+@$(MAKE) --no-print-directory $(notdir $(1)) MODEL=$(patsubst %/,%,$(dir $(1)))
endef
$(foreach recipe,$(RECIPES),$(eval $(call recipe_rules,$(recipe))))

# The tasks run under a make of their own, so that one that fails does not take the others with it;
# the table has those that finished now, not what an older run left.
.PHONY: clue
clue: | build ## All seven tasks, and the table of them all; make -j2 clue runs two at a time
	+@finished=$$(mktemp); trap 'rm -f '$$finished EXIT; code=0; \
	$(MAKE) --no-print-directory -k $(TASKS) FINISHED=$$finished || code=$$?; \
	if [ -s $$finished ]; then \
	  act-eval summary $$(sort -u $$finished) > $(BUILD)/$(MODEL)/clue.md; \
	  echo; cat $(BUILD)/$(MODEL)/clue.md; \
	fi; \
	for task in $(TASKS); do \
	  grep -q /$$task/ $$finished || echo "make: $$task failed; its messages are above" >&2; \
	done; \
	exit $$code

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

# The race needs Python 3; the packages are pinned in tests/peers/race-requirements.txt.
BENCH := $(BUILD)/bench
BENCH_PYTHON := $(BENCH)/venv/bin/python
BENCH_FLAGS ?=

$(BENCH)/venv/ready: tests/peers/race-requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	@touch $@

.PHONY: bench
bench: build $(BENCH)/venv/ready ## Race ONNX Runtime and OpenVINO (BENCH_FLAGS=--quick for less)
	$(CARGO) build --release $(CARGO_FLAGS) -p act-infer --example timed
	$(BENCH_PYTHON) tests/peers/models.py $(BENCH)/models
	$(BENCH_PYTHON) tests/peers/race.py $(BENCH)/models --timed $(BIN)/examples/timed $(BENCH_FLAGS)

.PHONY: bench-own
bench-own: ## Engine and training timings on this machine
	$(CARGO) run --release $(CARGO_FLAGS) -p act-infer --example bench
	$(CARGO) run --release $(CARGO_FLAGS) -p act-nn --example throughput

# Targets of the fuzzer: a file each. FUZZ_TARGET chooses one.
FUZZ := tests/fuzz
FUZZ_SECONDS ?= 600
FUZZ_TARGET ?= $(basename $(notdir $(wildcard $(FUZZ)/targets/*.rs)))
FUZZ_FLAGS ?= -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=60 -max_len=65536 -print_final_stats=1

.PHONY: fuzz
fuzz: ## Fuzz the parsers of untrusted bytes (FUZZ_SECONDS=600 a target, FUZZ_TARGET=... for one)
	@rustup run nightly rustc --version > /dev/null 2>&1 || \
	    { echo "make fuzz needs a nightly compiler: rustup toolchain install nightly" >&2; exit 2; }
	@rustup run nightly cargo fuzz --version > /dev/null 2>&1 || \
	    { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2; exit 2; }
	$(CARGO) run --release $(CARGO_FLAGS) --quiet -p act-tests --example seeds -- $(FUZZ)/seeds
	for target in $(FUZZ_TARGET); do \
	    mkdir -p $(FUZZ)/corpus/$$target $(FUZZ)/artifacts/$$target; \
	    TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp}) \
	    rustup run nightly cargo fuzz run --fuzz-dir $(FUZZ) $$target \
	        $(FUZZ)/corpus/$$target $(FUZZ)/seeds/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) $(FUZZ_FLAGS) \
	        $$(test ! -f $(FUZZ)/dictionaries/$$target || echo -dict=$(FUZZ)/dictionaries/$$target); \
	done

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
