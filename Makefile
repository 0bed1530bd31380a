# lmtrain: `make help` lists the targets.
#
# Variables: CC=gcc|clang   SAN=address,undefined   WERROR=1   DEBUG=1   PREFIX=/usr/local   V=1
#   ZSTD=auto|1|0: read .zst text (libzstd); auto: where pkg-config finds it
#   UTF8PROC=auto|1|0: tokenizers that normalize text to form C (libutf8proc); likewise
#   PCRE2=auto|1|0: tokenizers that split text by patterns of their own (libpcre2-8); likewise
#   MPI=1: runs on several machines, started by mpirun or srun (Open MPI or MPICH); ./lmtrain is the same otherwise
# Objects go to build/<compiler>[-<sanitizers>]/, so that builds of different kinds do not mix.

VERSION := 0.1.0
RELEASED := 2026-11-26
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX  ?= /usr/local
SAN     ?=
WERROR  ?=
DEBUG   ?=
ZSTD    ?= auto
UTF8PROC ?= auto
PCRE2   ?= auto
MPI     ?=
BUILD   ?= build/$(subst /,-,$(CC))$(if $(filter 1,$(MPI)),-mpi)$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),-debug)
comma   := ,
Q       := $(if $(V),,@)

# ---- packages -----------------------------------------------------------------------------------
# What is missing is named with the command that installs it. `make quickstart` and `make test` run that
# command and go on; INSTALL=no makes them only say it, INSTALL=yes makes every target run it.
PKG_CONFIG ?= pkg-config
# Open MPI and MPICH are found by pkg-config, others by their compiler mpicc.
MPI_MODULE    := $(firstword $(foreach m,ompi-c mpich,$(shell $(PKG_CONFIG) --exists $(m) 2>/dev/null && echo $(m))))
MPICC         := $(if $(filter 1,$(MPI)),$(if $(MPI_MODULE),,mpicc))
PACKAGES      := libcjson zlib $(if $(filter 1,$(ZSTD)),libzstd) $(if $(filter 1,$(UTF8PROC)),libutf8proc) \
                 $(if $(filter 1,$(PCRE2)),libpcre2-8)
TEST_PACKAGES := cmocka
NO_PACKAGES   := help clean format check-floors check-format uninstall
INSTALLING    := quickstart test
GOALS         := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(NO_PACKAGES),$(GOALS)),)
  TESTING  := $(filter test% check check-warnings check-compilers all-tests,$(GOALS))
  PURPOSES := build $(if $(TESTING),test) $(if $(filter 1,$(MPI)),mpi)
  MODULES  := $(PACKAGES) $(if $(TESTING),$(TEST_PACKAGES))
  missing   = $(strip $(foreach tool,$(firstword $(CC)) $(PKG_CONFIG) $(MPICC),\
                $(if $(shell command -v $(tool)),,$(tool))) \
                $(if $(shell command -v $(PKG_CONFIG)),\
                  $(foreach m,$(MODULES),$(shell $(PKG_CONFIG) --exists $(m) || echo $(m)))))
  MISSING := $(missing)
  ifneq ($(MISSING),)
    ifeq ($(or $(filter no,$(INSTALL)),$(filter yes,$(INSTALL)),$(filter $(INSTALLING),$(GOALS))),)
      INSTALL := no
    endif
    ifneq ($(INSTALL),no)
      $(shell $(SHELL) .ci/packages.sh install $(PURPOSES) >&2)
      MISSING := $(missing)
    endif
  endif
  ifneq ($(MISSING),)
    $(error missing: $(MISSING). Install them with: $(shell $(SHELL) .ci/packages.sh line $(PURPOSES)))
  endif
  # Looked for here, since they may have been installed just now.
  ifeq ($(ZSTD),auto)
    PACKAGES += $(if $(shell $(PKG_CONFIG) --exists libzstd && echo yes),libzstd)
  endif
  ifeq ($(UTF8PROC),auto)
    PACKAGES += $(if $(shell $(PKG_CONFIG) --exists libutf8proc && echo yes),libutf8proc)
  endif
  ifeq ($(PCRE2),auto)
    PACKAGES += $(if $(shell $(PKG_CONFIG) --exists libpcre2-8 && echo yes),libpcre2-8)
  endif
  PKG_CFLAGS  := $(shell $(PKG_CONFIG) --cflags $(PACKAGES)) $(if $(filter libzstd,$(PACKAGES)),-DLM_ZSTD) \
                 $(if $(filter libutf8proc,$(PACKAGES)),-DLM_UTF8PROC) $(if $(filter libpcre2-8,$(PACKAGES)),-DLM_PCRE2)
  PKG_LIBS    := $(shell $(PKG_CONFIG) --libs $(PACKAGES))
  # What mpicc adds to the compiler's command: Open MPI has --showme:..., MPICH -show.
  MPI_FLAGS   := $(if $(MPI_MODULE),$(shell $(PKG_CONFIG) --cflags --libs $(MPI_MODULE)),$(if $(MPICC),\
                   $(shell { mpicc --showme:compile && mpicc --showme:link; } 2>/dev/null || mpicc -show)))
  MPI_LIBS    := $(filter -L% -l% -Wl%,$(MPI_FLAGS))
  TEST_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(TEST_PACKAGES) 2>/dev/null)
  TEST_LIBS   := $(shell $(PKG_CONFIG) --libs $(TEST_PACKAGES) 2>/dev/null)
endif

# All CPUs compile, unless -j says otherwise or another make has called this one.
ifeq ($(MAKELEVEL),0)
  MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
endif

# ---- flags --------------------------------------------------------------------------------------
# -ffp-contract=off: a fused multiply-add happens where the code says fma, nowhere else, so that the
# bits do not depend on compiler or target. No -march=native and no -ffast-math, for the same reason.
# -Wno-enum-float-conversion: newer clang warns where a constant that is an enumerator meets a double.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes \
            -Wstrict-prototypes -Wvla -Wundef -Wno-enum-float-conversion $(if $(WERROR),-Werror)
OPTIMIZE := $(if $(DEBUG),-O0 -g3,-O2 -g) -fno-math-errno -fno-trapping-math
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CFLAGS   := -std=c11 $(OPTIMIZE) -ffp-contract=off $(WARNINGS) $(SANFLAGS) $(EXTRA_CFLAGS)
CPPFLAGS := -D_GNU_SOURCE -Isrc -DLM_VERSION='"$(VERSION)"' $(PKG_CFLAGS)
LDFLAGS  := $(SANFLAGS) $(EXTRA_LDFLAGS)
LDLIBS   := $(PKG_LIBS) -lm -pthread

ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
# Instruction sets: a folder of src/kernels/ each, compiled with its own flags and nothing else is.
ISA_FLAGS_avx2       := -mavx2 -mfma
ISA_FLAGS_avx512     := -mavx512f -mavx512vl -mavx512bw -mavx512dq -mfma -mprefer-vector-width=512
ISA_FLAGS_avx512bf16 := $(ISA_FLAGS_avx512) -mavx512bf16
ISA_FLAGS_neon       :=
ISAS := $(if $(filter x86_64,$(ARCH)),avx2 avx512 avx512bf16)$(if $(filter aarch64,$(ARCH)),neon)
OTHER_ISAS := $(filter-out scalar $(ISAS),$(notdir $(patsubst %/,%,$(wildcard src/kernels/*/))))
# src/kernels/v16/ is compiled once for each of them that has sixteen lanes.
V16_ISAS := $(foreach i,$(ISAS),$(if $(wildcard src/kernels/$(i)/v16.h),$(i)))
v16_flags = $(ISA_FLAGS_$(1)) -DLM_ISA=$(1)

# ---- files --------------------------------------------------------------------------------------
SOURCES := $(filter-out $(foreach i,$(OTHER_ISAS),src/kernels/$(i)/%),\
             $(sort $(wildcard src/*/*.c src/*/*/*.c)))
SOURCES := $(filter-out src/comm/mpi.c,$(SOURCES))
V16_SOURCES := $(sort $(wildcard src/kernels/v16/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(foreach i,$(V16_ISAS),\
             $(V16_SOURCES:src/kernels/v16/%.c=$(BUILD)/src/kernels/$(i)/v16/%.o))
LIBRARY := $(BUILD)/liblmtrain.a
BINARY  := $(BUILD)/lmtrain

TEST_SOURCES := $(sort $(wildcard tests/*/test_*.c))
TEST_SUPPORT := $(sort $(wildcard tests/support/*.c))
TEST_LIBRARY := $(BUILD)/libtestsupport.a
TEST_BINARIES := $(TEST_SOURCES:%.c=$(BUILD)/%)
TEST_SCRIPTS := $(sort $(wildcard tests/*/test_*.sh))

.PHONY: all help clean format FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: lmtrain  ## build ./lmtrain (the default)

# Builds of several kinds share it: the last one made is there.
lmtrain: $(BINARY) FORCE
	$(Q)cmp -s $< $@ || cp -f $< $@

ifeq ($(MPI),1)
$(BINARY): $(BUILD)/main.o $(BUILD)/src/comm/mpi.o $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(MPI_LIBS)
else
$(BINARY): $(BUILD)/main.o $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
endif
# For tests: the same objects with MPI, where there is one.
MPI_BINARY := $(if $(SAN),,$(if $(MPI_MODULE),$(if $(shell command -v mpirun),$(BUILD)/lmtrain-mpi)))
$(BUILD)/lmtrain-mpi: $(BUILD)/main.o $(BUILD)/src/comm/mpi.o $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(MPI_LIBS)

$(LIBRARY): $(OBJECTS)
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $^

# Which flags were used last; everything is rebuilt when they change.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
	  echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' > $@

isa_of = $(ISA_FLAGS_$(word 3,$(subst /, ,$(1))))
$(BUILD)/src/kernels/%.o: src/kernels/%.c $(BUILD)/flags
	@mkdir -p $(@D) && echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(call isa_of,$<) $(CPPFLAGS) -MMD -MP -c -o $@ $<
define V16_RULE
$(BUILD)/src/kernels/$(1)/v16/%.o: src/kernels/v16/%.c $(BUILD)/flags
	@mkdir -p $$(@D) && echo "  CC    $$< ($(1))"
	$$(Q)$$(CC) $$(CFLAGS) $$(call v16_flags,$(1)) $$(CPPFLAGS) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(V16_ISAS),$(eval $(call V16_RULE,$(i))))
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D) && echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(if $(filter tests/%,$<),-I. $(TEST_CFLAGS)) -MMD -MP -c -o $@ $<

# Splitting floats into planes and joining them is worth vectors, and so is decoding ids.
$(BUILD)/src/checkpoint/planes.o $(BUILD)/src/data/ids.o: CFLAGS += -O3

# The report's style and script are compiled in, as lists of their bytes.
PAGE_FILES := page.css page.js page_chart.js page_sweep.js
$(BUILD)/src/view/page_assets.o: CPPFLAGS += -I$(BUILD)/src
$(BUILD)/src/view/page_assets.o: $(PAGE_FILES:%=$(BUILD)/src/view/%.inc)
$(BUILD)/src/view/%.inc: src/view/%
	@mkdir -p $(@D)
	$(Q)od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' > $@

# Only this file knows MPI. It comes before the library, whose file of the same functions is then not linked.
MPI_OBJECT := $(BUILD)/src/comm/mpi.o
$(MPI_OBJECT): CPPFLAGS += $(patsubst -I%,-isystem %,$(filter -I% -D%,$(MPI_FLAGS)))

# The manual page has a date.
$(BUILD)/src/cli/manual.o: CPPFLAGS += -DLM_RELEASED='"$(RELEASED)"'

$(TEST_LIBRARY): $(TEST_SUPPORT:%.c=$(BUILD)/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_LIBRARY) $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS) $(LDLIBS)

# Not with sanitizers: their run-time must be the first library.
INTERPOSE := $(if $(SAN),,$(BUILD)/tests/fault/interpose.so)
$(BUILD)/tests/fault/interpose.so: tests/fault/interpose.c $(BUILD)/flags
	@mkdir -p $(@D) && echo "  LINK  $@"
	$(Q)$(CC) -std=c11 -O1 -g -fPIC -shared -D_GNU_SOURCE -o $@ $< -ldl

# ---- tests --------------------------------------------------------------------------------------
.PHONY: all-tests test test-arm test-fault test-mpi test-tokenizers test-interop fuzz
all-tests: $(TEST_BINARIES) $(INTERPOSE) $(BINARY) $(MPI_BINARY)
# A program with sanitizers stays in its build folder: ./lmtrain is for work.
test: all-tests $(if $(SAN),,lmtrain)  ## build and run every test (T=name runs those whose path contains it)
	$(Q)LMTRAIN='$(CURDIR)/$(BINARY)' LMTRAIN_MPI='$(MPI_BINARY:%=$(CURDIR)/%)' BUILD='$(CURDIR)/$(BUILD)' T='$(T)' \
	  sh tests/run.sh $(TEST_BINARIES) $(TEST_SCRIPTS)

test-fault: all-tests  ## every fault there can be, one after the other: minutes
	$(Q)LMTRAIN='$(CURDIR)/$(BINARY)' BUILD='$(CURDIR)/$(BUILD)' T=fault/ FAULT_STEP=1 KILLS=200 \
	  sh tests/run.sh $(TEST_BINARIES) $(TEST_SCRIPTS)

test-mpi: all-tests  ## every number of lanes and processes, and a hundred killed ones: minutes
	$(Q)LMTRAIN='$(CURDIR)/$(BINARY)' LMTRAIN_MPI='$(MPI_BINARY:%=$(CURDIR)/%)' T=dist/ MPI_ALL=1 KILLS=100 \
	  sh tests/run.sh $(TEST_BINARIES) $(TEST_SCRIPTS)

test-arm: lmtrain  ## kernels and training runs on an emulated ARM: the bits of this machine
	$(Q)MAKE='$(MAKE)' LMTRAIN='$(CURDIR)/$(BINARY)' sh tests/arm/run.sh

MEGABYTES ?= 100
test-tokenizers: lmtrain  ## trained and loaded tokenizers beside tiktoken and tokenizers, on MEGABYTES=100 of this machine's texts
	$(Q)sh tests/tokenizer/compare.sh '$(CURDIR)/$(BINARY)' $(MEGABYTES)

test-interop: lmtrain  ## exports beside transformers, llama.cpp, llama2.c and llm.c (ROWS="llama c ids": some; TEXT_MEGABYTES=4)
	$(Q)sh tests/interop/compare.sh '$(CURDIR)/$(BINARY)' $(ROWS)

# libFuzzer on every tests/fuzz/NAME.c (T=NAME: one of them), FUZZ_SECONDS each, from the files in
# tests/fuzz/seeds/NAME/ on, or those of other tests; what it finds is left in build/fuzz/NAME/.
FUZZ_SECONDS ?= 60
FUZZ_BUILD   := build/fuzz
FUZZ_SOURCES := $(filter $(addprefix src/,base/% comm/% machine/% containers/% text/% data/% tokenizer/% checkpoint/% \
                  kernels/% ops/% nn/% model/% interop/% config/% optim/% dist/% report/% view/% saved/% \
                  train/% fit/% sweep/%),$(SOURCES))
FUZZ_SUPPORT := tests/support/container.c tests/support/tempdir.c
FUZZ_TARGETS := $(filter $(or $(T),%),$(patsubst tests/fuzz/%.c,%,\
                  $(filter-out tests/fuzz/test_%,$(wildcard tests/fuzz/*.c))))
fuzz:  ## fuzz every reader of files (clang; T=NAME: one of them; FUZZ_SECONDS=60 each)
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined EXTRA_LDFLAGS=-fsanitize=fuzzer \
	  BUILD=$(FUZZ_BUILD) SOURCES='$(FUZZ_SOURCES)' TEST_SUPPORT='$(FUZZ_SUPPORT)' \
	  $(FUZZ_TARGETS:%=$(FUZZ_BUILD)/tests/fuzz/%)
	$(Q)for target in $(FUZZ_TARGETS); do \
	  case $$target in import) seeds='tests/interop/import/*.* tests/interop/import/*/config.json';; \
	    tokenizer) seeds='tests/tokenizer/small_*';; *) seeds="tests/fuzz/seeds/$$target/*";; esac; \
	  mkdir -p $(FUZZ_BUILD)/$$target/found $(FUZZ_BUILD)/$$target/seeds && echo "fuzz $$target"; \
	  for file in $$seeds; do [ ! -f $$file ] || cp $$file $(FUZZ_BUILD)/$$target/seeds/$$(echo $$file | tr / _); done; \
	  (cd $(FUZZ_BUILD)/$$target && ../tests/fuzz/$$target found seeds -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=1024 \
	    -malloc_limit_mb=64 -timeout=10) || exit 1; done

# ---- benchmarks ---------------------------------------------------------------------------------
.PHONY: bench bench-check bench-record bench-options bench-checkpoint bench-audit bench-report
bench: lmtrain  ## speed of everything on this machine, as shares of its peaks (lmtrain bench --help)
	$(Q)./lmtrain bench
# What hardly differs between quiet runs on one kind of machine: matrix shapes, whole steps, and tokens beside what
# memory allows just then. The machine's rows, with which a record begins, say how far apart its CPUs were.
BENCH_RECORD := tests/bench/recorded.json
BENCH_PARTS ?= gemm step generate
bench-check: lmtrain  ## fails when a share of the peak is 15% lower than on record, in quiet; BENCH_PARTS=generate: of these rows
	$(Q)./lmtrain bench $(BENCH_PARTS:%=--only %) --compare $(BENCH_RECORD)
bench-record: lmtrain  ## record the shares that bench-check compares with, on a quiet machine; BENCH_PARTS likewise
	$(Q)./lmtrain bench --only machine $(BENCH_PARTS:%=--only %) --record $(BENCH_RECORD)
bench-options: lmtrain  ## what each option of the model costs a training step: minutes
	$(Q)./lmtrain bench --only options
bench-checkpoint: $(BUILD)/tests/bench/checkpoint  ## speed and size of checkpoints
	$(Q)$<
tests/bench/widths.svg: $(BUILD)/tests/bench/widths sweeps/widths/leaderboard.csv
	$(Q)$< sweeps/widths/leaderboard.csv >$@
bench-audit: $(BUILD)/tests/bench/audit  ## what the digest of the weights costs a step
	$(Q)$<
bench-report: $(BUILD)/tests/bench/report  ## what metrics, events and pages cost a run
	$(Q)$<

# ---- a first run --------------------------------------------------------------------------------
.PHONY: quickstart reference data/shakespeare
data/headers: data/headers/train.bin  ## a corpus of C headers, which every machine with a compiler has
data/headers/train.bin: | lmtrain
	@echo "a corpus of the C headers under /usr/include: data/headers"
	$(Q)./lmtrain tokenize --tokenizer bytes --input /usr/include --extension .h \
	  --max-bytes 24000000 --val-fraction 0.03 --output data/headers --force

# Characters, the first 90% to train on, as nanoGPT cuts them.
data/shakespeare: | lmtrain  ## TEXT=FILE: tinyshakespeare as characters, for configs/shakespeare-*.json
	$(Q)[ -f "$(TEXT)" ] || { echo "make data/shakespeare TEXT=FILE: expected the file of tinyshakespeare," \
	  "1,115,394 bytes, found \"$(TEXT)\"" >&2; exit 2; }
	$(Q)mkdir -p data/shakespeare && cut=$$(($$(wc -c <"$(TEXT)") * 9 / 10)) && \
	  head -c $$cut "$(TEXT)" >data/shakespeare/train.txt && \
	  tail -c +$$((cut + 1)) "$(TEXT)" >data/shakespeare/val.txt && \
	  ./lmtrain tokenize --tokenizer chars --input data/shakespeare/train.txt \
	    --val-input data/shakespeare/val.txt --output data/shakespeare --force

quickstart: lmtrain data/headers/train.bin  ## build, make a corpus, train for a minute, sample
	$(Q)if [ -e runs/quickstart/resolved.json ]; then resume=--resume; \
	  echo "going on with runs/quickstart (remove it to start over)"; fi; \
	./lmtrain --config configs/quickstart.json $$resume
	@echo && ./lmtrain inspect runs/quickstart --curve
	@echo && echo "a sample:  ./lmtrain generate runs/quickstart --prompt 'static int '" && echo
	$(Q)./lmtrain generate runs/quickstart --prompt 'static int ' --tokens 400
	@echo && echo "what it made:     ./lmtrain inspect runs/quickstart" && \
	  echo "go on training:   ./lmtrain --config configs/quickstart.json --set train.steps=2000 --resume" && \
	  echo "your own text:    ./lmtrain tokenize --tokenizer bytes --input TEXT... --output data/mine --val-fraction 0.05" && \
	  echo "your own run:     ./lmtrain init data/mine, then ./lmtrain --config run.json"

reference: lmtrain  ## bring the references in configs/README.md up to date
	$(Q)./lmtrain train --print-reference >$(BUILD)/config-reference.md
	$(Q)./lmtrain sweep --print-reference >$(BUILD)/sweep-reference.md
	$(Q)for what in config sweep; do \
	  sed -i -e "/<!-- $$what reference: begin -->/,/<!-- $$what reference: end -->/{//!d}" \
	    -e "/<!-- $$what reference: begin -->/r $(BUILD)/$$what-reference.md" configs/README.md || exit 1; done

# ---- checks -------------------------------------------------------------------------------------
.PHONY: check check-floors check-headers check-format check-warnings check-compilers
check: check-floors check-headers check-format check-compilers  ## floors, headers, format, gcc and clang
	@echo "check: all passed"
check-floors:
	$(Q)sh tests/check/floors.sh
check-headers:
	$(Q)CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' $(foreach i,$(ISAS),ISA_FLAGS_$(i)='$(ISA_FLAGS_$(i))') \
	  ISAS='$(ISAS)' V16_ISAS='$(V16_ISAS)' sh tests/check/headers.sh
check-format:
	$(Q)sh tests/check/format.sh
check-warnings:
	$(Q)mkdir -p build; for cc in gcc clang; do \
	  command -v $$cc >/dev/null || { echo "check-warnings: $$cc is missing: apt-get install $$cc" >&2; exit 1; }; \
	  $(MAKE) --no-print-directory CC=$$cc WERROR=1 BUILD=build/werror-$$cc all-tests >build/werror-$$cc.log 2>&1 || \
	    { cat build/werror-$$cc.log; exit 1; }; echo "check-warnings: $$cc clean"; done

check-compilers: check-warnings
	$(Q)sh tests/check/compilers.sh build/werror-gcc/lmtrain build/werror-clang/lmtrain

format:  ## reformat every source file
	$(Q)clang-format -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc')

# ---- installing, packaging ------------------------------------------------------------------------
.PHONY: install uninstall static dist
STRIP   := $(shell $(CC) -print-prog-name=strip 2>/dev/null)
DEST    := $(DESTDIR)$(PREFIX)
# The binary prints the manual page and the completions. RUN=command runs one for another machine.
SHARED := man/man1 doc/lmtrain/configs/sweeps bash-completion/completions zsh/site-functions fish/vendor_completions.d
install: $(BINARY)  ## install to PREFIX (default /usr/local), below DESTDIR: binary, manual page, completions
	$(Q)for d in bin $(addprefix share/,$(SHARED)); do mkdir -p '$(DEST)'/$$d || exit; done
	$(Q)install -m 755 $(BINARY) '$(DEST)/bin/lmtrain' && $(STRIP) '$(DEST)/bin/lmtrain'
	$(Q)$(RUN) $(BINARY) help --man >'$(DEST)/share/man/man1/lmtrain.1'
	$(Q)$(RUN) $(BINARY) help --completion bash >'$(DEST)/share/bash-completion/completions/lmtrain'
	$(Q)$(RUN) $(BINARY) help --completion zsh >'$(DEST)/share/zsh/site-functions/_lmtrain'
	$(Q)$(RUN) $(BINARY) help --completion fish >'$(DEST)/share/fish/vendor_completions.d/lmtrain.fish'
	$(Q)install -m 644 README.md '$(DEST)/share/doc/lmtrain/'
	$(Q)install -m 644 $(wildcard configs/*.*) '$(DEST)/share/doc/lmtrain/configs/'
	$(Q)install -m 644 configs/sweeps/* '$(DEST)/share/doc/lmtrain/configs/sweeps/'
	@echo 'installed: $(DEST)/bin/lmtrain'
uninstall:  ## remove what install put there
	rm -f '$(DEST)/bin/lmtrain' '$(DEST)/share/man/man1/lmtrain.1' \
	  '$(DEST)/share/bash-completion/completions/lmtrain' '$(DEST)/share/zsh/site-functions/_lmtrain' \
	  '$(DEST)/share/fish/vendor_completions.d/lmtrain.fish'
	rm -rf '$(DEST)/share/doc/lmtrain'

# Everything that has a .a is linked statically; the whole binary where all have one. LIBRARY_DIRS: where else
# to look for .a files ("a b").
STATIC       := $(BUILD)/lmtrain-static
find_archive  = $(firstword $(wildcard $(addsuffix /lib$(1).a,$(LIBRARY_DIRS) \
                  $(patsubst -L%,%,$(filter -L%,$(PKG_LIBS))))) \
                  $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)))
LIBRARIES    := $(patsubst -l%,%,$(filter -l%,$(PKG_LIBS)))
NOT_STATIC    = $(foreach l,$(LIBRARIES) c m,$(if $(call find_archive,$(l)),,lib$(l)))
static: $(STATIC)  ## ./build/.../lmtrain-static: linked statically as far as there are .a files
	@echo "$(STATIC): $(if $(NOT_STATIC),dynamic since there is no .a: $(NOT_STATIC),all static)"
$(STATIC): $(BUILD)/main.o $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(NOT_STATIC),,-static) -o $@ $^ $(filter -L%,$(PKG_LIBS)) \
	  $(foreach l,$(LIBRARIES),$(or $(call find_archive,$(l)),-l$(l))) -lm -pthread
	$(Q)$(STRIP) $@

# Source and stripped binaries, with their digests, in build/dist/. The same commit gives the same tarball.
DIST      := lmtrain-$(VERSION)
DIST_ARM  := build/arm64-packages/root/usr/lib/aarch64-linux-gnu
dist: $(STATIC)  ## build/dist/: source tarball, binaries for this machine and aarch64, SHA256SUMS
	$(Q)git rev-parse --git-dir >/dev/null 2>&1 || { echo "make dist needs a git checkout" >&2; exit 1; }
	$(Q)rm -rf build/dist && mkdir -p build/dist
	$(Q)git archive --format=tar --prefix=$(DIST)/ HEAD | gzip -9n >build/dist/$(DIST).tar.gz
	$(Q)cp $(STATIC) build/dist/$(DIST)-linux-$(ARCH)
	$(Q)if [ '$(ARCH)' = aarch64 ]; then :; \
	  elif command -v aarch64-linux-gnu-gcc >/dev/null && sh tests/arm/packages.sh build/arm64-packages; then \
	    PKG_CONFIG_LIBDIR=$(DIST_ARM)/pkgconfig PKG_CONFIG_SYSROOT_DIR=build/arm64-packages/root \
	      $(MAKE) --no-print-directory CC=aarch64-linux-gnu-gcc BUILD=build/arm64 LIBRARY_DIRS='$(DIST_ARM)' static && \
	    cp build/arm64/lmtrain-static build/dist/$(DIST)-linux-aarch64; \
	  else echo "no binary for aarch64: aarch64-linux-gnu-gcc or its libraries are missing ($$(sh .ci/packages.sh line ci))" >&2; fi
	$(Q)cd build/dist && sha256sum $(DIST)* >SHA256SUMS && cat SHA256SUMS

clean:  ## remove what was built (not data/ nor runs/)
	rm -rf build lmtrain
help:  ## list the targets
	@sed -n 's/^\([a-z][a-z\/-]*\):.*##[[:space:]]*/  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
