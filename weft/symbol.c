/*
 * symbol.c - names and lines for addresses, from the files on disk; see symbol.h
 *
 * The first address in a module maps its file and lists what dwarf.c needs.
 * Answers are cached, since stacks resemble each other.  Compressed sections and
 * separate debug files are not read.
 *
 * Everything below symbol_find runs under busy, which protects all that is static.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE			/* dl_iterate_phdr */
#endif
#include "symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dwarf.h"
#include "lock.h"
#include "pages.h"
#include "sanitize.h"
#include "unwind.h"

struct module {
	struct module	*next;
	uintptr_t	 base;		/* address in memory - in file */
	uintptr_t	 data_lo, data_hi;	/* what it writes, as in the file */
	struct section	 file, symtab, strtab;
	struct section	 relocs[2];	/* .rela.dyn and .rela.plt */
	struct lines	 lines;
};

struct name { struct name *next; char s[]; };

static _Atomic unsigned busy;
static struct module *modules;
static struct name *names[256];
static struct { uintptr_t pc; struct symbol s; } cache[512];

/*
 * Memory
 */
static void *keep(size_t n)
{
	enum { CHUNK = 65536 };
	static char *chunk;
	static size_t left;

	n = (n + 15) & ~(size_t)15;
	if (n > left) {
		chunk = pages(CHUNK);
		left = chunk ? CHUNK : 0;
		if (n > left)
			return NULL;
	}
	left -= n;
	return chunk + left;
}

/* dir/file, as a string that stays. */
static const char *intern(const char *dir, const char *file)
{
	char path[1024];
	int len = snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", file);
	size_t n = len < (int)sizeof path ? (size_t)len + 1 : sizeof path;
	uint32_t h = 2166136261u;
	struct name *x;

	for (const char *s = path; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	h = (h ^ h >> 16) % 256;
	for (x = names[h]; x; x = x->next)
		if (!strcmp(x->s, path))
			return x->s;
	x = keep(sizeof *x + n);
	if (!x)
		return NULL;
	memcpy(x->s, path, n);
	x->next = names[h];
	names[h] = x;
	return x->s;
}

/*
 * ELF
 */
static bool header_at(const struct module *m, uint64_t table, uint64_t i, ElfW(Shdr) *out)
{
	struct cursor c = cursor_at(m->file, table);
	const uint8_t *p;

	cursor_take(&c, i * sizeof *out);
	p = cursor_take(&c, sizeof *out);
	if (p)
		memcpy(out, p, sizeof *out);
	return p;
}

static struct section contents(const struct module *m, const ElfW(Shdr) *h)
{
	struct cursor c = cursor_at(m->file, h->sh_offset);
	const uint8_t *p;

	if (h->sh_type == SHT_NOBITS || h->sh_flags & SHF_COMPRESSED)
		return (struct section){ NULL, 0 };
	p = cursor_take(&c, h->sh_size);
	return (struct section){ p, p ? h->sh_size : 0 };
}

static void read_section(struct module *m, const ElfW(Ehdr) *e, const ElfW(Shdr) *h,
    const char *name)
{
	ElfW(Shdr) link;

	if (h->sh_type == SHT_SYMTAB || (h->sh_type == SHT_DYNSYM && !m->symtab.n)) {
		if (!header_at(m, e->e_shoff, h->sh_link, &link))
			return;
		m->symtab = contents(m, h);
		m->strtab = contents(m, &link);
	} else if (h->sh_type == SHT_RELA && h->sh_flags & SHF_ALLOC) {
		m->relocs[m->relocs[0].n != 0] = contents(m, h);
	} else if (!strcmp(name, ".debug_line")) {
		m->lines.line = contents(m, h);
	} else if (!strcmp(name, ".debug_line_str")) {
		m->lines.line_str = contents(m, h);
	} else if (!strcmp(name, ".debug_str")) {
		m->lines.str = contents(m, h);
	}
}

static void read_elf(struct module *m)
{
	ElfW(Ehdr) e;
	ElfW(Shdr) h;
	struct section title;

	if (m->file.n < sizeof e)
		return;
	memcpy(&e, m->file.p, sizeof e);
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_shentsize != sizeof h || !header_at(m, e.e_shoff, e.e_shstrndx, &h))
		return;
	title = contents(m, &h);
	for (uint64_t i = 0; i < e.e_shnum && header_at(m, e.e_shoff, i, &h); i++)
		read_section(m, &e, &h, section_string(title, h.sh_name));
}

/* The last name no further than a function's size; labels have none and come second. */
static void find_function(const struct module *m, uintptr_t addr, struct symbol *out)
{
	struct cursor c = cursor_at(m->symtab, 0);
	const uint8_t *p;
	uintptr_t label = 0;
	ElfW(Sym) s;

	while ((p = cursor_take(&c, sizeof s))) {
		memcpy(&s, p, sizeof s);
		unsigned type = ELF64_ST_TYPE(s.st_info);
		const char *name;

		if (s.st_shndx == SHN_UNDEF || s.st_shndx >= SHN_LORESERVE ||
		    s.st_value > addr || (s.st_size && addr - s.st_value >= s.st_size) ||
		    (!s.st_size && s.st_value <= label) ||
		    (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
			continue;
		name = section_string(m->strtab, s.st_name);
		if (!*name || *name == '$')	/* $x, $d: marks for disassemblers */
			continue;
		out->func = name;
		out->offset = addr - s.st_value;
		if (s.st_size)
			return;
		label = s.st_value;
	}
}

/*
 * What a library chooses by the processor (memcpy, strlen) has a name only for the function
 * that chooses, and no other one than the chosen when the library is stripped.  Which it
 * chose for itself stands in the slots of its own relocations.
 */
#if defined(__x86_64__)
enum { CHOSEN = R_X86_64_IRELATIVE };
#elif defined(__aarch64__)
enum { CHOSEN = R_AARCH64_IRELATIVE };
#endif

static const char *chooser_name(const struct module *m, uintptr_t chooser)
{
	struct cursor c = cursor_at(m->symtab, 0);
	const uint8_t *p;
	ElfW(Sym) s;

	while ((p = cursor_take(&c, sizeof s))) {
		memcpy(&s, p, sizeof s);
		if (ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC && s.st_value == chooser)
			return section_string(m->strtab, s.st_name);
	}
	return NULL;
}

static void find_chosen(const struct module *m, uintptr_t pc, struct symbol *out)
{
	uintptr_t begin = unwind_function(pc);
	const uint8_t *p;
	ElfW(Rela) r;

	for (int i = 0; i < 2 && begin && !out->func; i++) {
		struct cursor c = cursor_at(m->relocs[i], 0);

		while (!out->func && (p = cursor_take(&c, sizeof r))) {
			memcpy(&r, p, sizeof r);
			if (ELF64_R_TYPE(r.r_info) == CHOSEN && r.r_offset >= m->data_lo &&
			    r.r_offset < m->data_hi &&
			    *(uintptr_t *)(m->base + r.r_offset) == begin)
				out->func = chooser_name(m, (uintptr_t)r.r_addend);
		}
	}
	if (out->func)
		out->offset = pc - begin;
}

/*
 * Modules.  One that is unloaded stays listed: addresses are those of live code.
 */
struct search { uintptr_t pc, base, lo, hi, data_lo, data_hi; const char *path; };

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	bool here = false;

	(void)size;
	s->lo = UINTPTR_MAX;
	s->hi = s->data_lo = s->data_hi = 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_flags & PF_W) {
			s->data_lo = ph->p_vaddr;
			s->data_hi = ph->p_vaddr + ph->p_memsz;
		}
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		here |= s->pc - info->dlpi_addr - ph->p_vaddr < ph->p_memsz;
		if (ph->p_vaddr < s->lo)
			s->lo = ph->p_vaddr;
		if (ph->p_vaddr + ph->p_memsz > s->hi)
			s->hi = ph->p_vaddr + ph->p_memsz;
	}
	s->base = info->dlpi_addr;
	s->path = info->dlpi_name;
	return here;
}

static struct section map_file(const char *path)
{
	int fd = open(*path ? path : "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd < 0)
		return (struct section){ NULL, 0 };
	if (!fstat(fd, &st) && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return p == MAP_FAILED ? (struct section){ NULL, 0 } :
	    (struct section){ p, (size_t)st.st_size };
}

static struct module *module_of(uintptr_t pc)
{
	struct search s = { .pc = pc };
	struct module *m;

	for (m = modules; m; m = m->next)
		if (pc - m->base - m->lines.lo < m->lines.hi - m->lines.lo)
			return m;
	if (!dl_iterate_phdr(look, &s) || !(m = keep(sizeof *m)))
		return NULL;
	*m = (struct module){ .next = modules, .base = s.base, .data_lo = s.data_lo,
	    .data_hi = s.data_hi,
	    .lines = { .lo = s.lo, .hi = s.hi }, .file = map_file(s.path) };
	read_elf(m);
	lines_list(&m->lines);
	return modules = m;
}

/* A crash inside must not hang the report of that crash. */
static bool enter(void)
{
	for (int ms = 0; ms < 1000; ms++) {
		if (trylock(&busy)) {
			san_acquire(&busy);	/* it watches our memcpy and strcmp */
			return true;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static bool find(uintptr_t pc, struct symbol *out)
{
	size_t slot = (pc ^ pc >> 9) % (sizeof cache / sizeof *cache);
	struct module *m;
	struct line line;

	if (cache[slot].pc == pc && pc) {
		*out = cache[slot].s;
		return true;
	}
	m = module_of(pc);
	if (!m)
		return false;
	out->offset = pc - m->base;
	find_function(m, pc - m->base, out);
	if (!out->func)
		find_chosen(m, pc, out);
	if (lines_find(&m->lines, pc - m->base, &line)) {
		out->file = intern(line.dir, line.file);
		out->line = out->file ? line.line : 0;
	}
	cache[slot].pc = pc;
	cache[slot].s = *out;
	return true;
}

bool symbol_find(uintptr_t pc, struct symbol *out)
{
	bool found;

	*out = (struct symbol){ .func = NULL };
	if (!enter())
		return false;
	found = find(pc, out);
	san_release(&busy);
	unlock(&busy);
	return found;
}
