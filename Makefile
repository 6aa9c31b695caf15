# act: compress a fine-tuned text classifier. `make help` lists the targets and what can be set.
#
#   make afqmc                                  bundled synthetic sample, nothing downloaded
#   make afqmc DATA=~/clue/afqmc                real data, small encoder trained from scratch
#   make afqmc DATA=~/clue/afqmc BASE=base.act  real data, your fine-tuned model
#   make clue DATA=~/clue BASE=~/models         all seven tasks: BASE/afqmc.tar, BASE/tnews/, ...
#   make ernie-3.0-medium-afqmc BASE=...        another model's recipe: configs/MODEL/TASK.yaml
#   make own DATA=my-folder BASE=my-model       any data: act-data describe my-folder --write, act-data check
#   make tnews SET="Prune.pruned_ratio=0.5 TrainConfig.epochs=8"    another recipe without a file
#
# Every artifact is a file, build/MODEL/TASK/*.act; a second make redoes only what a change asks for.

SHELL := bash
comma := ,
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

.DEFAULT_GOAL := help

# ------------------------------------------------------------------------------ What can be set

## Data: a task's folder, or a root with a folder a task; else data/clue/TASK, else the sample corpus
DATA ?=
## Fine-tuned model: .act, Paddle or Hugging Face folder, .tar, .tar.gz; or a root with one a task
BASE ?=
## Recipe, configs/MODEL/TASK.yaml: pp-minilm with BASE, else the small encoder's
MODEL ?= $(if $(BASE),pp-minilm,$(if $(DATA),small,sample))
## Where to train: cpu, flex, cuda, cuda:N, vulkan
DEVICE ?= cpu
## Threads of a stage, 0 for every core; no result depends on it
THREADS ?= 0
## Changes of the recipe, "SECTION.KEY=VALUE ...", no blank in a value
SET ?=
## Seed of every random choice
SEED ?= 42
## Where the artifacts go
BUILD ?= build
## Layers of the encoder that is trained when no BASE is given
LAYERS ?= 4
## Its width
HIDDEN ?= 128
## Its attention heads a layer
HEADS ?= 4
## Flags of `act-data sample`
SAMPLE_FLAGS ?=
## Flags of `act-eval report`
REPORT_FLAGS ?=
## Flags of the race against other engines
BENCH_FLAGS ?=
## Seconds of fuzzing a target
FUZZ_SECONDS ?= 600
## One target of the fuzzer; else all
FUZZ_TARGET ?=
## Flags of the fuzzer
FUZZ_FLAGS ?= -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=60 -max_len=65536 -print_final_stats=1
## vulkan: `make gpu-bundle` packs what check.sh can rehearse without a card, too
REHEARSAL ?=
## 1 builds an act-data that can fetch from the network; make fetch-TASK does so by itself
TLS ?=
## 1 shows the commands of a recipe as they run
V ?=
## Where install puts bin/ and share/
PREFIX ?= /usr/local
## A root to install into, for packagers
DESTDIR ?=
## Cargo; `true` for no build at all
CARGO ?= cargo
## Flags of cargo
CARGO_FLAGS ?= --locked

TASKS := afqmc tnews iflytek cmnli ocnli cluewsc2020 csl
# There is no sample corpus of the English tasks, so they need DATA.
ENGLISH := cola sst2 mrpc stsb qqp mnli qnli rte wnli
# `own` is whatever DATA describes in its act-dataset.json.
tasks := $(TASKS) $(ENGLISH) own
PROGRAMS := act-data act-convert act-prune act-distill act-quant act-eval act-compress act-serve

# What is given by a name that nothing reads would be passed over. Names that cargo, its tools and make
# itself read are theirs.
settable = $(shell sed -n 's/^\([A-Z_]*\) [?]=.*/\1/p' $(firstword $(MAKEFILE_LIST))) TASKS FINISHED \
           CARGO% RUST% XDG_% MAKE% CC CFLAGS CXX CXXFLAGS AR LDFLAGS PATH HOME TMPDIR SHELL
given := $(foreach name,$(.VARIABLES),$(if $(filter command%,$(origin $(name))),$(name)))
unknown := $(if $(given),$(firstword $(filter-out $(settable),$(given))))
near = $(firstword $(foreach name,$(settable),$(if $(or $(filter $(name)%,$(1)),$(filter $(1)%,$(name))),$(name))))
$(if $(unknown),$(error $(unknown): nothing of this name can be set; $(if \
    $(call near,$(unknown)),$(call near,$(unknown)) can,make help lists what can)))
# What one of them takes the effect from would be passed over as well, set here or in the environment.
idle = $(if $(filter command% environment%,$(origin $(1))),$(error $(1)=$($(1)) has no effect with $(2); leave one of them out))
$(if $(BASE),$(foreach name,LAYERS HIDDEN HEADS,$(call idle,$(name),BASE: the model brings its own shape)))
$(if $(DATA),$(call idle,SAMPLE_FLAGS,DATA: no sample is made))

# Make parts names at blanks, and make and shell read some characters as their own.
awkward := ' " ` \ : ; % * ? & | < > ! ( ) [ ] { } $$ \#
spoilt = $(word 2,$(1))$(strip $(foreach character,$(awkward),$(findstring $(character),$(1))))
$(foreach name,DATA BASE BUILD,$(if $(call spoilt,$(value $(name))),$(error \
    $(name)=$(value $(name)): no blank and none of $(awkward) can be in this name; rename the folder, or link to it)))

$(foreach name,DATA BASE,$(if $($(name)),$(if $(wildcard $($(name))),,$(error \
    $(name)=$($(name)): there is no such file or folder))))
$(if $(and $(DATA),$(if $(wildcard $(DATA)/.),,file)),$(error \
    DATA=$(DATA): is a file; give the folder it lies in))

# Encoders trained from scratch, on the sample corpus or on real data, share a recipe.
CONFIGS := configs/$(MODEL:small=sample)
$(if $(wildcard $(CONFIGS)/.),,$(error MODEL=$(MODEL) has no recipe: there is no folder $(CONFIGS)))
$(if $(BASE)$(filter configs/sample,$(CONFIGS)),,$(error \
    MODEL=$(MODEL) compresses a fine-tuned model: give it with BASE=model.act))

# ------------------------------------------------------------------------------------ The build

target := $(or $(CARGO_TARGET_DIR),target)
bin := $(if $(filter /%,$(target)),$(target),$(CURDIR)/$(target))/release
export PATH := $(bin):$(PATH)

# What the CPU needs is always there; cuda:1 needs the feature cuda. TLS takes long to build and only fetching
# needs it.
features := $(addprefix --features act-nn/,$(filter cuda flex vulkan,$(firstword $(subst :, ,$(DEVICE))))) \
            $(if $(TLS)$(filter fetch-%,$(MAKECMDGOALS)),--features act-data/tls)

.PHONY: build
build: ## Build the stage binaries (release)
	@$(CARGO) build --release $(CARGO_FLAGS) --workspace --bins $(features)

# ----------------------------------------------------------------------------------- The recipe

# Where the files of a task are, and the name of one of them for every task.
out := $(BUILD)/$(MODEL)
each = $(tasks:%=$(out)/%/$(1))

# $(1) a task. Its data: in a folder of their own below DATA or in DATA itself, fetched, or a sample.
given = $(if $(DATA),$(firstword \
          $(patsubst %/,%,$(dir $(wildcard $(DATA)/$(1)/train.* $(DATA)/$(1)_public/train.*))) $(DATA)),$(if \
          $(wildcard data/clue/$(1)/train.*),data/clue/$(1)))
data = $(or $(call given,$(1)),$(out)/$(1)/data)
# $(2) patterns of files in its data; the outer wildcard drops the halves of a name with a blank.
in_data = $(wildcard $(wildcard $(addprefix $(call data,$(1))/,$(2))))
splits = $(if $(filter own,$(1)),*,train.* dev.* dev_matched.* val.* valid.* validation.* act-dataset.json)
files = $(if $(call given,$(1)),$(call in_data,$(1),$(call splits,$(1))),$(out)/$(1)/data/train.json)

# Its model: BASE, or the one of its name below BASE; and what is in it, if that is a folder.
base = $(firstword $(wildcard $(addprefix $(BASE)/$(1),.act .tar .tar.gz) $(BASE)/$(1)) $(BASE))
in_base = $(wildcard $(wildcard $(addprefix $(call base,$(1))/,*.json *.txt *.safetensors *.pd*)))

# A model of one's own is not compressed on a corpus that is not its own.
goals := $(filter $(tasks),$(MAKECMDGOALS))
lacking := $(firstword $(foreach name,$(goals),$(if $(call given,$(name)),,$(if $(BASE)$(filter own,$(name)),$(name)))))
$(if $(lacking),$(error \
    $(lacking)$(if $(BASE), with BASE=$(BASE)) needs data: give DATA=folder$(if $(filter own,$(lacking)),\
    that act-data describe has described,$(if $(filter $(TASKS),$(lacking)),$(comma) or make fetch-$(lacking)))))

# What was asked for, in files that are written anew only when it changes: what rests on it is redone.
task = $(notdir $(@D))
sample.asked = SEED=$(SEED) $(SAMPLE_FLAGS)
models.asked = DATA=$(call data,$(task)) SEED=$(SEED) DEVICE=$(DEVICE) $(length) $(if $(SET),SET=$(SET)) \
               $(if $(BASE),BASE=$(call base,$(task)),LAYERS=$(LAYERS) HIDDEN=$(HIDDEN) HEADS=$(HEADS))
# Of a recipe the model itself has only the length of its texts; what else changes there leaves it alone.
length = $(shell grep -s max_seq_length $(CONFIGS)/$(task).yaml)
report.asked = $(REPORT_FLAGS)

of_task = $(if $(filter own,$*),,--task $*)
quoted = '$(subst ','\'',$(1))'

.SECONDEXPANSION:
.PHONY: asked-anew
asked-anew:

$(foreach file,sample.asked models.asked report.asked,$(call each,$(file))): \
    $$(if $$(subst [$$($$(@F))],,[$$(file < $$@)]),asked-anew)
	@mkdir -p $(@D) && printf '%s\n' $(call quoted,$($(@F))) > $@

# A line for each file that is made; its command with V=1.
quiet := $(if $(V),,@)
making = $(if $(V),,@echo "make: $@" >&2)

$(call each,data/train.json): $(out)/%/data/train.json: $(out)/%/sample.asked | build
	$(making)
	$(quiet)act-data sample $* -o $(@D) --seed $(SEED) $(SAMPLE_FLAGS)
	@touch $@

changes = $(foreach change,$(SET),--set-any $(call quoted,$(change)))
training = $(changes) --seed $(SEED) --threads $(THREADS) --device $(DEVICE)
stage = -c $(CONFIGS)/$*.yaml --data $(call data,$*) $(training)

ifeq ($(BASE),)
$(call each,base.act): $(out)/%/base.act: $(CONFIGS)/base.yaml $$(call files,$$*) $(out)/%/models.asked | build
	$(making)
	$(quiet)act-convert new --layers $(LAYERS) --hidden $(HIDDEN) --heads $(HEADS) -c $(CONFIGS)/$*.yaml $(changes) \
	    --data $(call data,$*) $(of_task) --seed $(SEED) -q \
	  | act-distill -c $< --data $(call data,$*) $(training) \
	    -o $@ --report $(@:.act=.json) --metrics $(@:.act=.metrics.jsonl)
else
# A bare encoder, which has no head for the task, is fine-tuned first; a classifier is passed on.
$(call each,base.act): $(out)/%/base.act: $$(call base,$$*) $$(call in_base,$$*) $$(call files,$$*) \
    $(out)/%/models.asked | build
	$(making)
	@rm -f $(@:.act=.json)
	$(quiet)$(if $(filter %.act,$<),cp $< $@.tmp && mv $@.tmp $@,\
	    act-convert import $< -c $(CONFIGS)/$*.yaml $(changes) $(of_task) --data $(call data,$*) --seed $(SEED) \
	      | act-distill --unless-trained $(stage) \
	          -o $@ --report $(@:.act=.json) --metrics $(@:.act=.metrics.jsonl))
endif

$(call each,pruned.act): $(out)/%/pruned.act: $(out)/%/base.act $(CONFIGS)/%.yaml $$(call files,$$*) | build
	$(making)
	$(quiet)act-prune $< $(stage) -o $@ --report $(@:.act=.json)

$(call each,student.act): $(out)/%/student.act: $(out)/%/pruned.act $(out)/%/base.act $(CONFIGS)/%.yaml \
    $$(call files,$$*) | build
	$(making)
	$(quiet)act-distill $< --teacher $(@D)/base.act $(stage) \
	    -o $@ --report $(@:.act=.json) --metrics $(@:.act=.metrics.jsonl)

# Calibration, and training where the configuration has QuantAware and calibration loses too much.
$(call each,int8.act): $(out)/%/int8.act: $(out)/%/student.act $(out)/%/base.act $(CONFIGS)/%.yaml \
    $$(call files,$$*) | build
	$(making)
	$(quiet)act-quant $< --teacher $(@D)/base.act $(stage) \
	    -o $@ --report $(@:.act=.json) --metrics $(@:.act=.metrics.jsonl)

models := base.act pruned.act student.act int8.act
$(call each,report.md): $(out)/%/report.md: $(addprefix $(out)/%/,$(models)) $(out)/%/report.asked \
    $$(call in_data,$$*,test.* test_public.*) | build
	$(making)
	$(quiet)act-eval report $(addprefix $(@D)/,$(models)) --data $(call data,$*) \
	    $$(test ! -f $(@D)/base.json || echo --training $(@D)/base.json) --training $(@D)/student.json --training $(@D)/int8.json \
	    $(REPORT_FLAGS) -o $(@:.md=.txt) -o $(@:.md=.json) -o $(@:.md=.html) -o $@ > /dev/null

# FINISHED: a file that collects the reports of tasks that were done.
.PHONY: $(tasks)
$(tasks): %: $(out)/%/report.md
	@cat $(<:.md=.txt)
	@$(if $(FINISHED),echo $(<:.md=.json) >> $(FINISHED))
	@echo "Files: $(<D)/{base,pruned,student,int8}.act, report.{html,md,json,txt}"

# The tasks run under a make of their own, so that one that fails does not take the others with it;
# the table has those that finished now, not what an older run left.
.PHONY: clue
clue: | build ## All seven tasks, and the table of them all; make -j2 clue runs two at a time
	+@finished=$$(mktemp); trap 'rm -f '$$finished EXIT; code=0; \
	$(MAKE) --no-print-directory -k $(TASKS) FINISHED=$$finished || code=$$?; \
	if [ -s $$finished ]; then \
	  act-eval summary $$(sort -u $$finished) -o $(out)/clue.html > $(out)/clue.md; \
	  echo; cat $(out)/clue.md; \
	fi; \
	for task in $(TASKS); do \
	  grep -q /$$task/ $$finished || echo "make: $$task failed; its messages are above" >&2; \
	done; \
	exit $$code

# A model's recipe for a task by one name, MODEL-TASK.
recipes := $(subst /,-,$(filter-out sample/%,$(patsubst configs/%.yaml,%,$(wildcard configs/*/*.yaml))))
.PHONY: $(recipes)
$(recipes): named = $(lastword $(subst -, ,$@))
$(recipes):
	+@$(MAKE) --no-print-directory $(named) MODEL=$(@:%-$(named)=%)

fetched := $(filter-out own,$(tasks))
.PHONY: $(fetched:%=fetch-%)
$(fetched:%=fetch-%): fetch-%: | build
	act-data fetch $* -o data/clue/$*

.PHONY: clean
clean: ## Remove everything that make has built for the tasks
	rm -rf $(BUILD)

# ------------------------------------------------------------------------- Tests and benchmarks

.PHONY: test
test: ## Every test (release profile, so that it shares the build with the pipeline)
	$(CARGO) test --release $(CARGO_FLAGS) --workspace

.PHONY: lint
lint: ## rustfmt and clippy
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path bindings/Cargo.toml
	$(CARGO) clippy --release $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

.PHONY: check
check: lint ## lint and cargo-deny (cargo install cargo-deny)
	$(CARGO) deny check

# The race needs Python 3; the packages are pinned in tests/peers/race-requirements.txt. rten's program
# is a project of its own, with its own lock file; --hide needs a C compiler.
race := $(BUILD)/bench
$(race)/venv/ready: tests/peers/race-requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	@touch $@

.PHONY: bench
bench: build $(race)/venv/ready ## Race ONNX Runtime, OpenVINO, CTranslate2 and rten (BENCH_FLAGS='--hide vnni', --quick)
	$(CARGO) build --release $(CARGO_FLAGS) -p act-infer --example timed
	$(CARGO) build --release $(CARGO_FLAGS) --manifest-path tests/peers/rten/Cargo.toml --target-dir $(race)/rten
	$(race)/venv/bin/python tests/peers/models.py $(race)/models
	$(race)/venv/bin/python tests/peers/race.py $(race)/models --timed "$(bin)/examples/timed" \
	    --timed-rten $(race)/rten/release/timed_rten $(BENCH_FLAGS)

.PHONY: bench-own
bench-own: ## Engine and training timings on this machine
	$(CARGO) run --release $(CARGO_FLAGS) -p act-infer --example bench
	$(CARGO) run --release $(CARGO_FLAGS) -p act-nn --example throughput

# What the card distils is what the CPU distilled: TNEWS, a sample of it without DATA.
.PHONY: gpu-bundle
gpu-bundle: $(models:%=$(out)/tnews/%) ## Pack tests/gpu/check.sh and all it needs for a machine with an NVIDIA card
	CARGO=$(CARGO) CARGO_FLAGS="$(CARGO_FLAGS)" CARGO_TARGET_DIR=$(target) REHEARSAL=$(REHEARSAL) \
	    tests/gpu/bundle.sh $(BUILD)/gpu-bundle $(out)/tnews $(call data,tnews) $(CONFIGS)/tnews.yaml

# The fuzzer's targets: a file each.
fuzz := tests/fuzz
.PHONY: fuzz
fuzz: ## Fuzz the parsers of untrusted bytes (FUZZ_TARGET=... for one)
	@rustup run nightly rustc --version > /dev/null 2>&1 || \
	    { echo "make fuzz needs a nightly compiler: rustup toolchain install nightly" >&2; exit 2; }
	@rustup run nightly cargo fuzz --version > /dev/null 2>&1 || \
	    { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2; exit 2; }
	$(CARGO) run --release $(CARGO_FLAGS) --quiet -p act-tests --example seeds -- $(fuzz)/seeds
	for target in $(or $(FUZZ_TARGET),$(basename $(notdir $(wildcard $(fuzz)/targets/*.rs)))); do \
	    mkdir -p $(fuzz)/corpus/$$target $(fuzz)/artifacts/$$target; \
	    TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp}) \
	    rustup run nightly cargo fuzz run --fuzz-dir $(fuzz) $$target \
	        $(fuzz)/corpus/$$target $(fuzz)/seeds/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) $(FUZZ_FLAGS) \
	        $$(test ! -f $(fuzz)/dictionaries/$$target || echo -dict=$(fuzz)/dictionaries/$$target); \
	done

# ------------------------------------------------------------------------------ Other languages

# A workspace of their own, with their own lock file; bindings/Cargo.toml says why.
bindings := $(CARGO_FLAGS) --release --manifest-path bindings/Cargo.toml

.PHONY: libact
libact: ## The C library: bindings/target/release/libact.*, bindings/c/include/act.h
	$(CARGO) build $(bindings) -p act-c

.PHONY: test-c
test-c: libact ## Its tests; C programs among them, where there is a C compiler
	$(CARGO) test $(bindings) -p act-c

python := $(BUILD)/python
$(python)/venv/ready: bindings/python/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	@touch $@

.PHONY: wheel
wheel: $(python)/venv/ready ## The Python wheel, build/wheel/*.whl (needs Python 3.10 or newer)
	rm -f $(BUILD)/wheel/*.whl
	$(<D)/bin/maturin build --release --locked --manifest-path bindings/python/Cargo.toml --out $(BUILD)/wheel

# The wheel is installed as a user installs it; what is tested is not the source folder.
.PHONY: test-python
test-python: wheel ## Its tests, in an environment of their own
	$(python)/venv/bin/pip install --quiet --force-reinstall --no-deps $(BUILD)/wheel/*.whl
	cd bindings/python && $(abspath $(python))/venv/bin/python -m pytest -q
	cd bindings/python && $(abspath $(python))/venv/bin/python -m mypy python/act_infer

# -------------------------------------------------------------------------- Installing, and help

prefix := $(DESTDIR)$(PREFIX)

# Builds nothing: whoever may write to PREFIX, root as a rule, seldom has a compiler.
.PHONY: install
install: ## Install binaries, manual pages and shell completions to PREFIX, after make build
	@for program in $(PROGRAMS); do test -x "$(bin)/$$program" || \
	    { echo "make install: there is no $(bin)/$$program yet; run make build first" >&2; exit 2; }; done
	install -d "$(prefix)/bin"
	install $(PROGRAMS:%="$(bin)"/%) "$(prefix)/bin"
	for program in $(PROGRAMS); do $$program --generate "$(prefix)/share"; done

.PHONY: uninstall
uninstall: ## Remove what install wrote
	cd "$(prefix)" && rm -f $(PROGRAMS:%=bin/%) $(addprefix share/,$(foreach p,$(PROGRAMS),\
	    man/man1/$p.1 man/man1/$p-*.1 bash-completion/completions/$p zsh/site-functions/_$p fish/vendor_completions.d/$p.fish))

.PHONY: help
help: ## List the targets and what can be set
	@echo "Tasks: $(tasks)"
	@echo "Recipes of a model for a task, with BASE: $(recipes)"
	@echo "Targets:"
	@sed -nE 's/^([a-z-]+):.*## /  \1\t/p' Makefile | expand -t 16
	@printf '  %-13s %s\n' fetch-TASK 'Download the official data of a task to data/clue/TASK'
	@echo "What can be set (make afqmc SEED=7):"
	@awk '/^## / { told = substr($$0, 4) } \
	    /^[A-Z_]+ \?=/ { name = $$1; sub(/^[^=]*= */, ""); \
	      printf "  %-13s %s%s\n", name, told, /^$$|^\$$/ ? "" : " [" $$0 "]" }' Makefile
