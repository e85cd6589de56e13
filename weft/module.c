/* module.c - see module.h; what the dynamic linker knows */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE			/* dl_iterate_phdr */
#endif
#include "module.h"

#include <elf.h>
#include <link.h>
#include <string.h>

enum { PAGE = 4096 };

struct each { void (*f)(const struct module_code *, void *); void *arg; };

static size_t padded(size_t n) { return (n + 3) & ~(size_t)3; }

/* Notes lie in memory one after the other: a header, a name, what it is about. */
static void read_notes(struct module_code *m, const uint8_t *p, size_t n)
{
	ElfW(Nhdr) h;

	while (n >= sizeof h) {
		memcpy(&h, p, sizeof h);
		size_t name = padded(h.n_namesz), size = sizeof h + name + padded(h.n_descsz);

		if (size > n)
			return;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    !memcmp(p + sizeof h, "GNU", 4)) {
			m->id = p + sizeof h + name;
			m->id_size = h.n_descsz;
		}
		p += size;
		n -= size;
	}
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct module_code m = { .lo = UINTPTR_MAX, .base = info->dlpi_addr,
	    .path = info->dlpi_name };
	struct each *e = arg;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = m.base + ph->p_vaddr, hi = lo + ph->p_memsz;

		if (ph->p_type == PT_NOTE)
			read_notes(&m, (const uint8_t *)lo, ph->p_memsz);
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		if (lo < m.lo) {
			m.lo = lo & ~(uintptr_t)(PAGE - 1);
			m.offset = ph->p_offset & ~(uint64_t)(PAGE - 1);
		}
		if (hi > m.hi)
			m.hi = (hi + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	}
	if (m.hi)
		e->f(&m, e->arg);
	return 0;
}

void module_each(void (*f)(const struct module_code *, void *), void *arg)
{
	dl_iterate_phdr(look, &(struct each){ f, arg });
}
