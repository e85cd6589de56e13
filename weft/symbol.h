/*
 * symbol.h - private: what function and line an address of this process is
 *
 *	struct symbol s;
 *
 *	if (symbol_find(pc - 1, &s) && s.line)
 *		printf("%s  %s:%d\n", s.func, s.file, s.line);
 *
 * Works on what is on disk: the symbol table and .debug_line of the program and
 * its shared libraries.  Any thread may call it, also after the heap was damaged:
 * it maps its memory itself.  The strings stay valid.
 */
#ifndef WEFT_SYMBOL_H
#define WEFT_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct symbol {
	const char	*func;		/* NULL: unknown                        */
	uintptr_t	 offset;	/* of pc in func, or else in its module */
	const char	*file;		/* relative, or its last part; NULL: unknown */
	int		 line;		/* 0: unknown                           */
};

/* For a return address pass pc - 1.  False: pc is in no module. */
bool	symbol_find(uintptr_t pc, struct symbol *out);

#endif
