/* module.h - private: the program and its shared libraries, as they lie in memory */
#ifndef WEFT_MODULE_H
#define WEFT_MODULE_H

#include <stddef.h>
#include <stdint.h>

struct module_code {			/* what is executable of one */
	uintptr_t	 lo, hi;	/* whole pages                        */
	uintptr_t	 base;		/* address in memory - in file        */
	uint64_t	 offset;	/* of lo in the file                  */
	const char	*path;		/* "": the program                    */
	const uint8_t	*id;		/* of its build; none: size is 0      */
	size_t		 id_size;
};

/* The program first. */
void	module_each(void (*f)(const struct module_code *m, void *arg), void *arg);

#endif
