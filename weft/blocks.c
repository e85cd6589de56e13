/*
 * blocks.c - the C library's heaps as rows of blocks
 *
 * A block begins with two words: the size of the one before, if that is free, and its own,
 * whose low bits say, among other things, whether the one before is in use.
 */
#include "blocks.h"

#include <errno.h>

#include "pages.h"

enum { WORD = sizeof(uintptr_t), GRAIN = 2 * WORD, SMALLEST = 4 * WORD,
	HEAP_ALIGN = 64 << 20, THREAD_CACHE = 0x290, LATEST_FIRST = 0x1000, PAGE = 4096 };
enum { BEFORE_IN_USE = 1, FLAGS = 7 };

static uintptr_t word(uintptr_t at)
{
	return *(const volatile uintptr_t *)at;
}

static uintptr_t size_at(uintptr_t block)
{
	return word(block + WORD) & ~(uintptr_t)FLAGS;
}

/* A heap that was full ends with two blocks of no use. */
static bool is_end(uintptr_t block, uintptr_t hi)
{
	return size_at(block) == GRAIN && hi - block == 2 * GRAIN &&
	    word(block + GRAIN + WORD) == BEFORE_IN_USE;
}

/* From the block at lo on.  The row's last block, or 0: it is no row up to hi. */
static uintptr_t follow(uintptr_t lo, uintptr_t hi, uint64_t *begins)
{
	uintptr_t block = lo, last = 0;

	while (block < hi) {
		uintptr_t size;

		if (hi - block < GRAIN)
			return 0;
		size = size_at(block);
		if (is_end(block, hi))
			return last;
		if (size < SMALLEST || size % GRAIN || size > hi - block)
			return 0;
		if (begins)
			begins[(block - lo) / GRAIN / 64] |= UINT64_C(1) << (block - lo) / GRAIN % 64;
		last = block;
		block += size;
	}
	return last;
}

static bool holds(uintptr_t lo, uintptr_t hi, uintptr_t value)
{
	for (; lo < hi; lo += WORD)
		if (word(lo) == value)
			return true;
	return false;
}

/*
 * An arena ends with how much memory it has and has had at most, in whole pages, and perhaps
 * a word for alignment.  Before that come words that may look like a block, too.
 */
static bool arena_ends(uintptr_t at, uintptr_t heap_size)
{
	for (uintptr_t end = at; end >= at - WORD; end -= WORD) {
		uintptr_t has = word(end - 2 * WORD), most = word(end - WORD);

		if (has >= heap_size && most >= has && has % PAGE == 0 && most % PAGE == 0)
			return true;
	}
	return false;
}

/*
 * A thread's heap begins with where its arena is (for the first one: right here), the heap
 * before it and its size.  An arena knows the last block of its latest heap; the others are
 * full.
 */
static uintptr_t first_block(uintptr_t lo, uintptr_t *hi)
{
	uintptr_t arena = word(lo), size = word(lo + 2 * WORD);
	bool here = arena > lo && arena - lo < 0x100;

	if (lo % HEAP_ALIGN || size < LATEST_FIRST || size > *hi - lo ||
	    (!here && word(lo + WORD) % HEAP_ALIGN))
		return 0;
	*hi = lo + size;
	for (uintptr_t at = here ? arena + 2 * GRAIN : lo + GRAIN; at < lo + LATEST_FIRST;
	    at += GRAIN) {
		uintptr_t last = here && !arena_ends(at, size) ? 0 : follow(at, *hi, NULL);

		if (last && (!here || last + size_at(last) < *hi || holds(arena, at, last)))
			return at;
	}
	return 0;
}

static size_t bitmap_size(const struct blocks *b)
{
	return ((b->hi - b->lo) / GRAIN / 64 + 1) * sizeof *b->begins;
}

int blocks_find(struct blocks *b, uintptr_t lo, uintptr_t hi, bool brk)
{
	*b = (struct blocks){ .hi = hi };
	if (hi - lo < LATEST_FIRST)
		return 0;
	b->lo = brk ? lo : first_block(lo, &b->hi);
	if (!b->lo || !follow(b->lo, b->hi, NULL))
		return 0;
	b->begins = pages(bitmap_size(b));
	b->marks = pages(bitmap_size(b));
	if (!b->begins || !b->marks) {
		blocks_free(b);
		return -ENOMEM;
	}
	follow(b->lo, b->hi, b->begins);
	return 1;
}

void blocks_free(struct blocks *b)
{
	if (b->begins)
		munmap(b->begins, bitmap_size(b));
	if (b->marks)
		munmap(b->marks, bitmap_size(b));
}

/* The place of the last block that begins at place i or before; -1: there is none. */
static ptrdiff_t begin_of(const struct blocks *b, size_t i)
{
	uint64_t bits = b->begins[i / 64] & UINT64_MAX >> (63 - i % 64);
	ptrdiff_t at = (ptrdiff_t)(i / 64);

	while (!bits && --at >= 0)
		bits = b->begins[at];
	return bits ? at * 64 + 63 - __builtin_clzll(bits) : -1;
}

bool blocks_mark(struct blocks *b, uintptr_t addr, uintptr_t *lo, uintptr_t *hi)
{
	ptrdiff_t i = begin_of(b, (addr - b->lo) / GRAIN);
	uintptr_t block, size;

	if (i < 0 || b->marks[i / 64] >> i % 64 & 1)
		return false;
	b->marks[i / 64] |= UINT64_C(1) << i % 64;
	block = b->lo + (uintptr_t)i * GRAIN;
	size = size_at(block);
	if (block + size + GRAIN > b->hi || !(word(block + size + WORD) & BEFORE_IN_USE))
		return false;		/* the rest of the heap, or free */
	if (block == b->lo && size == THREAD_CACHE)
		return false;		/* free blocks that the thread keeps */
	*lo = block + GRAIN;
	*hi = block + size + WORD;	/* the next one's first word is this one's last */
	return true;
}
