# make run: process real logs.  make check: every test.  The rest: make help.
#
# A folder is a package: its sources make build/MODE/libweft[-FOLDER].a, its
# *_test.c build/MODE/FOLDER.test, its main.c build/MODE/weft-FOLDER.
MODE	?= plain
PREFIX	?= /usr/local
VERSION	= 0.1.0
B	= build/$(MODE)

CC	= gcc
AR	= ar
WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith \
	  -Werror=incompatible-pointer-types -Werror=int-conversion
CFLAGS	?= -O2 -g
ALL	= -std=gnu11 -D_GNU_SOURCE -I. -pthread $(WARN) $(CFLAGS) $(SAN)
HIDDEN	= -fvisibility=hidden
ARCH	= $(shell $(CC) -dumpmachine | sed 's/-.*//')

ifeq ($(MODE),race)
CC	= clang-14
SAN	= -fsanitize=thread -fno-omit-frame-pointer
RT_SAN	= -fno-sanitize=thread -DWEFT_TSAN -Wno-gnu-variable-sized-type-not-at-end
endif
ifeq ($(MODE),asan)
SAN	= -fsanitize=address,undefined -fno-omit-frame-pointer -DWEFT_DEBUG
RT_SAN	= -fno-sanitize=undefined
endif
ifeq ($(MODE),aarch64)
CC	= aarch64-linux-gnu-gcc
LDFLAGS	+= -static
RUN	= qemu-aarch64
endif

LAYERS	= base weft testing pipeline
src	= $(filter-out %_test.c %/main.c %/entry.c,$(wildcard $1/*.c))
asm	= $(wildcard $1/*_$(ARCH).S)
obj	= $(patsubst %,$B/%.o,$(basename $1))
tests	= $(wildcard $1/*_test.c)

LIBS	= $B/libweft.a $B/libweft-testing.a $B/libweft-pipeline.a
TESTS	= $(foreach d,$(LAYERS),$(if $(call tests,$d),$B/$d.test))
EXAMPLES = $(patsubst %.c,$B/%,$(wildcard examples/*.c examples/pitfalls/*.c))

all: $(LIBS) $B/weft-pipeline

setup:
	@tools/setup

$B/libweft.a: $(call obj,$(call src,base) $(call src,weft) weft/entry.c $(call asm,weft))
$B/libweft-%.a: $$(call obj,$$(call src,$$*) $$(wildcard $$*/entry.c))
.SECONDEXPANSION:
$B/libweft-testing.a: $(call obj,$(call src,testing) testing/entry.c)
$B/libweft-pipeline.a: $(call obj,$(call src,pipeline))
$(LIBS):
	@rm -f $@
	$(AR) rcs $@ $^

# A folder's tests see the folder's own library, the harness and what lies below.
own	= $(filter-out $B/libweft-base.a $B/libweft-weft.a $B/libweft-testing.a,$B/libweft-$1.a)
$B/%.test: $$(call obj,$$(call tests,$$*)) $$(filter $$(call own,$$*),$(LIBS)) \
    $B/libweft-testing.a $B/libweft.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/weft-%: $B/%/main.o $B/libweft-%.a $B/libweft.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/bench.test: $(call obj,$(wildcard bench/*.c)) $B/libweft-testing.a $B/libweft.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/failing.test: $(call obj,$(wildcard testing/failing/*.c)) $B/libweft-testing.a $B/libweft.a
	$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/examples/%: examples/%.c $B/libweft.a
	@mkdir -p $(@D)
	$(CC) $(ALL) $(LDFLAGS) -o $@ $< $B/libweft-testing.a $B/libweft.a $(LDLIBS)

$B/weft/%_test.o $B/base/%_test.o: EXTRA =
$B/base/%.o $B/weft/%.o: EXTRA = $(HIDDEN) $(RT_SAN)
$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(EXTRA) -MMD -MP -c -o $@ $<
$B/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(ALL) -c -o $@ $<

.PHONY: all setup
.SECONDARY:
-include $(shell find build/$(MODE) -name '*.d' 2>/dev/null)
