/* blocks_test.c - where the rows of blocks in a heap begin */
#include <sys/mman.h>

#include "blocks.h"
#include "testing.h"

/* A thread's first heap, as the C library (2.36) lays it out. */
enum {
	HEAP_ALIGN = 64 << 20, SIZE = 0x10000, ARENA = 0x30, TOP = 96, STATE = 2200, BLOCK = 0x100,
	IN_USE = 1
};

static uintptr_t *at(uintptr_t addr)
{
	return (uintptr_t *)addr;
}

/* Where its blocks begin. */
static uintptr_t lay_out(uintptr_t lo)
{
	uintptr_t end = lo + ARENA + STATE, first = (end + 15) & -(uintptr_t)16, block = first;

	*at(lo) = lo + ARENA;
	*at(lo + 16) = *at(lo + 24) = SIZE;
	*at(end - 16) = *at(end - 8) = SIZE;
	for (; block < first + 20 * BLOCK; block += BLOCK)
		*at(block + 8) = BLOCK | IN_USE;
	*at(block + 8) = (lo + SIZE - block) | IN_USE;
	*at(lo + ARENA + TOP) = block;
	/* which lists have free blocks: reads as if a block reached to the third there is */
	*at(end - 48) = first + 3 * BLOCK - (end - 56);
	return first;
}

TEST(BlocksBeginAfterTheArena)
{
	char *p = mmap(NULL, 2 * HEAP_ALIGN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t lo = ((uintptr_t)p + HEAP_ALIGN - 1) & -(uintptr_t)HEAP_ALIGN, first, from, to;
	struct blocks b;

	REQUIRE(mprotect((void *)lo, SIZE, PROT_READ | PROT_WRITE) == 0);
	first = lay_out(lo);
	REQUIRE(blocks_find(&b, lo, lo + SIZE, false) == 1);
	CHECK_EQ(b.lo, first);
	CHECK_EQ(b.hi, lo + SIZE);
	CHECK(blocks_mark(&b, first + BLOCK + 100, &from, &to));
	CHECK_EQ(from, first + BLOCK + 16);
	CHECK_EQ(to, first + 2 * BLOCK + 8);
	CHECK(!blocks_mark(&b, first + BLOCK + 200, &from, &to));	/* marked */
	blocks_free(&b);
	munmap(p, 2 * HEAP_ALIGN);
}
