# make run: process real logs.  make check: every test.  The rest: make help.
#
# A folder is a package: its sources make build/MODE/libweft[-FOLDER].a, its
# *_test.c build/MODE/FOLDER.test, its main.c build/MODE/weft-FOLDER.
MODE	?= plain
PREFIX	?= /usr/local
DESTDIR	?=
# of what belongs to the system; an own PREFIX has an own one
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
VERSION	= 0.1.0
B	= build/$(MODE)

CC	= gcc
AR	= ar
WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith \
	  -Werror=incompatible-pointer-types -Werror=int-conversion
CFLAGS	?= -O2 -g
# a large frame must not step over a guard page
CLASH	= $(if $(findstring gcc,$(CC)),-fstack-clash-protection)
ALL	= -std=gnu11 -D_GNU_SOURCE -I. -pthread $(CLASH) $(WARN) $(CFLAGS) $(SAN)
HIREDIS	:= $(shell pkg-config --libs hiredis 2>/dev/null)
# what weft-pipeline links; libcurl and OpenSSL it loads when a configuration asks for them
PIPE_PC	= libpcre2-8 sqlite3 yaml-0.1 libzstd zlib libmaxminddb jansson
PIPE_LIBS := $(shell pkg-config --libs $(PIPE_PC) 2>/dev/null)
ARCH	= $(shell $(CC) -dumpmachine 2>/dev/null | sed 's/-.*//')
need	= check

ifeq ($(MODE),race)
CC	= clang-14
need	= race
# the runtime is told about, not instrumented: order comes from the primitives only
SAN	= -fsanitize=thread -fno-omit-frame-pointer -DWEFT_TSAN
RT_SAN	= -fno-sanitize=thread -Wno-gnu-variable-sized-type-not-at-end
endif
ifneq ($(filter asan explore,$(MODE)),)
SAN	= -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	  -fno-omit-frame-pointer -DWEFT_DEBUG
endif
# somebody else may run before any atomic operation of these (choices.h)
ifeq ($(MODE),explore)
SAN	+= -DWEFT_EXPLORE
$(patsubst %,$B/weft/%.o,chan select ctx mutex rwmutex sync wait map): CHOICES = -include weft/choices.h
$B/weft/timer.o: CHOICES = -Dlock_slow=choice_lock_slow
endif
ifeq ($(MODE),aarch64)
CC	= aarch64-linux-gnu-gcc
need	= aarch64
# static, and then the harness's malloc meets the C library's
LDFLAGS	+= -static -Wl,--allow-multiple-definition
HIREDIS	=
PIPE_LIBS =
endif

# the pipeline needs libraries that there are only for this machine
PIPE	= $(if $(PIPE_LIBS),pipeline)
LAYERS	= base weft heap testing patterns $(PIPE) workerpool
# what speaks to Redis is a library of its own, if there is hiredis
REDIS	= $(if $(HIREDIS),$B/libweft-redis.a)
no_redis = $(if $(HIREDIS),$1,$(foreach f,$1,$(if $(findstring _redis,$f),,$f)))
src	= $(filter-out %_test.c %_redis.c %/main.c,$(wildcard $1/*.c)) $(wildcard $1/*_$(ARCH).S)
tests	= $(call no_redis,$(wildcard $1/*_test.c))
obj	= $(patsubst %,$B/%.o,$(basename $1))

RT	= $B/libweft-testing.a $B/libweft.a
LIBS	= $B/libweft.a $(patsubst %,$B/libweft-%.a,heap testing patterns $(PIPE) workerpool) $(REDIS)
PROGRAMS = $(PIPE:%=$B/weft-%)
TESTS	= $(foreach d,$(LAYERS),$(if $(call tests,$d),$B/$d.test))
compiles = $(foreach f,$(call no_redis,$(wildcard examples/*.c examples/patterns/*.c examples/pitfalls/*.c \
	  $(PIPE:%=examples/%/*.c))),\
	  $(if $(shell grep -l '^compile error' $(f:.c=.want) 2>/dev/null),,$f))
EXAMPLES = $(patsubst %.c,$B/%,$(compiles))

all: $(LIBS) $(PROGRAMS)
# make all of what make check runs
tests: all $(TESTS) $B/failing.test $B/kernels.test $B/bench.test $B/testing_examples.test \
    $(PIPE:%=$B/%_load) $(if $(PIPE),$B/faults.test) $(EXAMPLES)

# setup first, by itself: what builds may have to be installed
JOBS	= $(MAKE) --no-print-directory -s -j$(shell nproc)
run: setup
	@$(JOBS) all
	@pipeline/run-demo $B/weft-pipeline build/run
check: setup
	@$(JOBS) tests
	@tools/check $(MODE)
race asan aarch64:
	@$(MAKE) --no-print-directory MODE=$@ check
# make explore: our own tests under EXPLORE schedules each, and under some with a choice at each atomic
EXPLORE	?= 50
explore: setup
	@$(JOBS) $(patsubst %,$B/%.test,weft testing patterns workerpool)
	@tools/explore $B $(EXPLORE)
	@$(JOBS) MODE=explore $(patsubst %,build/explore/%.test,weft testing patterns workerpool)
	@tools/explore build/explore $$(($(EXPLORE) * 2 / 5))
# make faults: what goes wrong around the pipeline: kills, full disks, servers that go; RUN=REGEXP
faults: setup
	@$(JOBS) $B/weft-pipeline $B/faults.test
	@tools/check-faults $B all $(RUN)
bench: setup
	@$(JOBS) $B/bench.test
	@bench/run $B/bench.test
# make bench-pipeline: against rsyslog, syslog-ng and Go; SIZE=MB, ROUNDS=N, CASE=REGEXP
bench-pipeline: setup
	@tools/setup bench-pipeline
	@$(JOBS) $B/weft-pipeline $B/pipeline_load
	@bench/pipeline/run $B
bench-patterns: setup
	@$(JOBS) $B/patterns_bench.test
	@bench/run $B/patterns_bench.test patterns
setup:
	@tools/setup $(need)
format:
	@tools/setup format
	@for f in $(wildcard */*.c */*.h); do clang-format-14 $$f | diff -u $$f - ; done; true
clean:
	rm -rf build
help:
	@sed -n 's/^# make/make/p' Makefile; \
	echo 'make race, asan, aarch64: the tests under ThreadSanitizer, AddressSanitizer, qemu'; \
	echo 'make bench, bench-patterns: against Go, if there is one; make install PREFIX=...; make format'

$B/libweft.a: $(call obj,$(call src,base) $(call src,weft))
$B/libweft-heap.a: $(call obj,$(call src,heap))
# the harness's own copy: who links it has it in front of malloc
$B/libweft-testing.a: $(call obj,$(call src,testing) $(call src,heap))
$B/libweft-patterns.a: $(call obj,$(call src,patterns))
$B/libweft-pipeline.a: $(call obj,$(call src,pipeline))
$B/libweft-workerpool.a: $(call obj,$(call src,workerpool))
$B/libweft-redis.a: $(call obj,$(wildcard patterns/*_redis.c))
$(LIBS):
	@rm -f $@
	$(AR) rcs $@ $^

# the harness's main is found in one library and called from another
LINK	= $(CC) $(ALL) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(if $(filter $(REDIS),$^),$(HIREDIS)) \
	  $(if $(filter %libweft-pipeline.a,$^),$(PIPE_LIBS) -ldl) $(LDLIBS)
.SECONDEXPANSION:
$B/%.test: $$(call obj,$$(call tests,$$*)) $$(filter $B/libweft-$$*.a,$(filter-out $(RT),$(LIBS))) $$(if $$(filter patterns,$$*),$(REDIS)) \
    $$(if $$(filter pipeline,$$*),$B/libweft-patterns.a) $(RT)
	$(LINK)
$B/bench.test: $(call obj,$(wildcard bench/*.c)) $(RT)
	$(LINK)
$B/failing.test: $(call obj,$(wildcard testing/failing/*.c)) $(RT)
	$(LINK)
$B/kernels.test: $(call obj,$(wildcard testing/kernels/*.c)) $(RT)
	$(LINK)
$B/patterns_bench.test: $(call obj,$(call no_redis,$(wildcard bench/patterns/*.c))) $(REDIS) \
    $B/libweft-patterns.a $B/libweft-workerpool.a $(RT)
	$(LINK)
$B/pipeline_load: $(call obj,$(wildcard bench/pipeline/*.c)) $B/libweft.a
	$(LINK)
$B/testing_examples.test: $(call obj,$(wildcard examples/testing/*.c)) $(RT)
	$(LINK)
# what goes wrong around the pipeline; inject.so is preloaded into it
$B/faults.test: $(call obj,$(filter-out %/inject.c,$(wildcard pipeline/faults/*.c))) $B/libweft-pipeline.a \
    $B/libweft-patterns.a $(RT) | $B/inject.so
	$(CC) $(ALL) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PIPE_LIBS) -ldl $(LDLIBS)
$B/inject.so: pipeline/faults/inject.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl
$B/weft-%: $B/%/main.o $B/libweft-%.a $B/libweft-patterns.a $B/libweft.a
	$(LINK)
$B/examples/%: $B/examples/%.o $$(if $$(findstring _redis,$$*),$(REDIS)) \
    $$(if $$(findstring pipeline/,$$*),$B/libweft-pipeline.a) $B/libweft-patterns.a \
    $B/libweft-workerpool.a $(RT)
	$(LINK)

$B/base/%.o $B/weft/%.o: EXTRA = -fvisibility=hidden $(RT_SAN)
$B/weft/start.o: weft/weft-gdb.py
# every call of a failing test is to be seen in its report
$B/testing/failing/%.o $B/testing/kernels/%.o $B/examples/testing/%.o: EXTRA = -fno-optimize-sibling-calls
# and so is what of the harness runs inside the scheduler, or reads the runtime's records
$(patsubst %,$B/testing/%.o,bubble explore leak races schedule story kernels/kernel): EXTRA = $(RT_SAN)
$B/base/%_test.o $B/weft/%_test.o: EXTRA =
$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(EXTRA) $(CHOICES) -MMD -MP -c -o $@ $<
$B/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(ALL) -c -o $@ $<

HEADERS	= weft.h weft_impl.h short.h sync.h sync_impl.h time.h net.h debug.h profile.h testing.h
install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,include/weft include/patterns include/pipeline \
	    include/workerpool lib/pkgconfig bin share/weft \
	    lib/systemd/system $(addprefix share/man/man,1 3 5 7)) $(DESTDIR)$(SYSCONFDIR)
	install -m 644 $(addprefix weft/,$(HEADERS)) $(DESTDIR)$(PREFIX)/include/weft
	install -m 644 $(filter-out %_test.h,$(call no_redis,$(wildcard patterns/*.h))) $(DESTDIR)$(PREFIX)/include/patterns
	install -m 644 pipeline/pipeline.h $(DESTDIR)$(PREFIX)/include/pipeline
	install -m 644 workerpool/pool.h $(DESTDIR)$(PREFIX)/include/workerpool
	install -m 644 $(LIBS) $(DESTDIR)$(PREFIX)/lib
	tools/hide-symbols $(addprefix $(DESTDIR)$(PREFIX)/lib/,$(notdir $(LIBS)))
	install $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	sed 's|@PREFIX@|$(PREFIX)|; s|/etc/|$(SYSCONFDIR)/|g' tools/weft-pipeline.service.in \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/weft-pipeline.service
	install -m 644 tools/weft-pipeline.yaml $(DESTDIR)$(SYSCONFDIR)/weft-pipeline.yaml.example
	install -m 644 weft/weft-gdb.py $(DESTDIR)$(PREFIX)/share/weft
	for s in 1 3 5 7; do install -m 644 man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s; done
	$(call install_pc,weft weft-heap weft-testing weft-patterns weft-pipeline weft-workerpool \
	    $(if $(REDIS),weft-redis))
# make install-race: the libraries for programs under ThreadSanitizer, built by clang
install-race:
	@tools/setup race
	@$(MAKE) --no-print-directory -s MODE=race all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/lib/,pkgconfig weft-race)
	install -m 644 build/race/libweft*.a $(DESTDIR)$(PREFIX)/lib/weft-race
	tools/hide-symbols $(DESTDIR)$(PREFIX)/lib/weft-race/libweft*.a
	$(call install_pc,weft-race weft-testing-race)
install_pc = for pc in $1; do sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' tools/$$pc.pc.in \
	    >$(DESTDIR)$(PREFIX)/lib/pkgconfig/$$pc.pc || exit 1; done

.DELETE_ON_ERROR:
.PHONY: all tests run check explore faults race asan aarch64 bench bench-patterns bench-pipeline setup format clean help install install-race
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
