/*
 * dwarf.h - private: reading untrusted bytes, and source lines from .debug_line
 *
 * The bytes may be damaged.  They are read through a cursor, which cannot leave
 * its section: past the end it gives zeros, and is bad from then on.  DWARF 2 to 5.
 */
#ifndef WEFT_DWARF_H
#define WEFT_DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct section { const uint8_t *p; size_t n; };
struct cursor { const uint8_t *p, *end; bool bad; };

struct cursor cursor_at(struct section s, uint64_t offset);
const uint8_t *cursor_take(struct cursor *c, uint64_t n);	/* NULL: too few left */
const char *section_string(struct section s, uint64_t offset);	/* "" if there is none */

/* A run of ascending addresses. */
struct sequence {
	uintptr_t	 lo, hi;
	size_t		 unit, start;	/* offsets in .debug_line */
};

/* Addresses are as in the file.  Set the first two lines, call lines_list. */
struct lines {
	uintptr_t	 lo, hi;	/* its executable segments */
	struct section	 line, line_str, str;
	struct sequence	*seq;		/* by lo */
	size_t		 nseq, cap;
};

/* The file's name is dir/file, or file when dir is "". */
struct line { const char *dir, *file; int line; };

void	lines_list(struct lines *l);
bool	lines_find(const struct lines *l, uintptr_t addr, struct line *out);

#endif
