/* symbol_test.c - what symbol_find says about this very program */
#include <stdlib.h>
#include <string.h>

#include "symbol.h"
#include "testing.h"

/* Where it was called, and on which line. */
#define HERE	(where(), (struct here){ address, __LINE__ })
struct here { uintptr_t pc; int line; };

static uintptr_t address;

__attribute__((noinline)) static void where(void)
{
	address = (uintptr_t)__builtin_return_address(0);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static struct here in_function(void)
{
	return HERE;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

TEST(SymbolNamesFunctionFileAndLine)
{
	struct here h = in_function();
	struct symbol s;

	REQUIRE(symbol_find(h.pc - 1, &s));
	REQUIRE(s.func && s.file);
	CHECK_STR(s.func, "in_function");
	CHECK_STR(last_part(s.file), "symbol_test.c");
	CHECK_EQ(s.line, h.line);
	CHECK(s.file[0] != '/');
	CHECK_EQ(h.pc - 1 - s.offset, (uintptr_t)in_function);
}

TEST(SymbolSaysTheSameFromItsCache)
{
	uintptr_t pc = in_function().pc - 1;
	struct symbol a, b;

	REQUIRE(symbol_find(pc, &a) && symbol_find(pc, &b));
	CHECK(a.func == b.func && a.file == b.file && a.line == b.line);
}

/* The C library has no lines here, perhaps not even its own file: a static program. */
TEST(SymbolFindsLibraryFunctions)
{
	struct symbol s;

	REQUIRE(symbol_find((uintptr_t)qsort, &s));
	REQUIRE(s.func);
	CHECK(strstr(s.func, "qsort"));
	CHECK_EQ(s.offset, 0);
}

/* Of these the library has several, and only who chooses has a name in its file. */
TEST(SymbolFindsWhatWasChosenForTheProcessor)
{
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	size_t (*volatile length)(const char *) = strlen;
	struct symbol s;

	REQUIRE(symbol_find((uintptr_t)copy + 1, &s));
	REQUIRE(s.func);
	CHECK(strstr(s.func, "mem"));
	CHECK(s.offset <= 16);
	REQUIRE(symbol_find((uintptr_t)length + 1, &s));
	REQUIRE(s.func);
	CHECK(strstr(s.func, "strlen"));
}

TEST(SymbolRefusesWhatIsNotCode)
{
	int local;
	struct symbol s;

	CHECK(!symbol_find(0, &s));
	CHECK(!symbol_find(UINTPTR_MAX, &s));
	CHECK(!symbol_find((uintptr_t)&local, &s));
	CHECK(!s.func && !s.file && !s.line);
}

static void look_up_all(uintptr_t from, weft_chan(int) done)
{
	struct symbol s;
	int n = 0;

	for (uintptr_t pc = from; pc < from + 2000; pc++)
		n += symbol_find(pc, &s);
	weft_send(done, n);
}

TEST(SymbolIsSafeForSeveralAtOnce, .real = true)
{
	weft_chan(int) done = weft_make(int, 0);
	int n;

	for (int i = 0; i < 4; i++)
		weft_go(look_up_all, (uintptr_t)in_function, done);
	for (int i = 0; i < 4; i++) {
		weft_recv(done, &n);
		CHECK(n > 0);
	}
	weft_free(done);
}
