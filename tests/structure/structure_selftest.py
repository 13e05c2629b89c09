#!/usr/bin/env python3
"""Shows on small trees that every check of structure.py can fail, and passes where it should."""

import tempfile
import unittest
from pathlib import Path

import structure

UMBRELLA = "#pragma once\n#include <agon/core/error.hpp>\n#include <agon/tensor/tensor.hpp>\n"
CLEAN = {
    "agon.hpp": UMBRELLA,
    "core/error.hpp": "#pragma once\n// printf( and assert( in a comment are no offence\nstatic_assert(true);\n",
    "core/parallel.hpp": "#pragma once\n#pragma omp parallel\n",
    "tensor/tensor.hpp": "#pragma once\n#include <agon/core/error.hpp>\n#include <agon/core/parallel.hpp>\n",
    "tensor/body-inl.hpp": "int x;\n",
    "io/io.hpp": "#pragma once\n#include <agon/io/png.hpp>\n",
    "io/png.hpp": "#pragma once\n#include <png.h>\n#include <agon/tensor/tensor.hpp>\n",
}


class Structure(unittest.TestCase):
    def findings(self, changes, files=()):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**CLEAN, **changes}.items():
                path = root / "include" / "agon" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            for name, size in files:
                (root / name).write_bytes(bytes(size))
            return structure.findings(root)

    def finds(self, expected, changes, files=()):
        found = self.findings(changes, files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(expected), found)

    def test_clean_tree(self):
        self.assertEqual(self.findings({}), [])

    def test_upward_include(self):
        self.finds("include/agon/core/error.hpp:2: core/ may not include tensor/tensor.hpp",
                   {"core/error.hpp": "#pragma once\n#include <agon/tensor/tensor.hpp>\n"})

    def test_upward_kernel_body(self):
        self.finds("include/agon/core/error.hpp:2: core/ may not include tensor/body-inl.hpp",
                   {"core/error.hpp": "#pragma once\n#define AGON_KERNEL_BODY <agon/tensor/body-inl.hpp>\n"})

    def test_sibling_include(self):
        self.finds("include/agon/optim/adam.hpp:2: optim/ may not include nn/module.hpp",
                   {"agon.hpp": UMBRELLA + "#include <agon/optim/adam.hpp>\n", "nn/module.hpp": "#pragma once\n",
                    "optim/adam.hpp": "#pragma once\n#include <agon/nn/module.hpp>\n"})

    def test_side_folder_is_not_a_floor(self):
        self.finds("include/agon/gan/step.hpp:2: gan/ may not include data/loader.hpp",
                   {"agon.hpp": UMBRELLA + "#include <agon/gan/step.hpp>\n", "data/loader.hpp": "#pragma once\n",
                    "gan/step.hpp": "#pragma once\n#include <agon/data/loader.hpp>\n"})

    def test_side_folder_uses_no_upper_floor(self):
        self.finds("include/agon/io/png.hpp:2: io/ may not include nn/module.hpp",
                   {"agon.hpp": UMBRELLA + "#include <agon/nn/module.hpp>\n", "nn/module.hpp": "#pragma once\n",
                    "io/io.hpp": "#pragma once\n#include <agon/io/png.hpp>\n",
    "io/png.hpp": "#pragma once\n#include <agon/nn/module.hpp>\n"})

    def test_side_folders_stay_apart_but_io_uses_data(self):
        data = {"agon.hpp": UMBRELLA + "#include <agon/data/dataset.hpp>\n", "data/dataset.hpp": "#pragma once\n"}
        use = "#pragma once\n#include <agon/data/dataset.hpp>\n"
        self.assertEqual(self.findings({**data, "io/png.hpp": use}), [])
        self.finds("include/agon/interop/eigen.hpp:2: interop/ may not include data/dataset.hpp",
                   {**data, "interop/eigen.hpp": use})

    def test_unknown_folder(self):
        self.finds("include/agon/misc/x.hpp:1: misc/ is no folder", {"misc/x.hpp": "#pragma once\n"})

    def test_quoted_include(self):
        self.finds('include/agon/core/error.hpp:2: "shape.hpp"',
                   {"core/error.hpp": '#pragma once\n#include "shape.hpp"\n'})

    def test_missing_header(self):
        self.finds("include/agon/core/error.hpp:2: includes agon/core/none.hpp",
                   {"core/error.hpp": "#pragma once\n#include <agon/core/none.hpp>\n"})

    def test_incomplete_umbrella(self):
        self.finds("include/agon/agon.hpp:1: does not reach ops/exp.hpp", {"ops/exp.hpp": "#pragma once\n"})

    def test_incomplete_io_umbrella(self):
        self.finds("include/agon/io/io.hpp:1: does not reach io/npy.hpp", {"io/npy.hpp": "#pragma once\n"})

    def test_missing_umbrella(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "include" / "agon").mkdir(parents=True)
            found = structure.findings(folder)
        self.assertEqual(found, ["include/agon/agon.hpp:1: does not exist", "include/agon/io/io.hpp:1: does not exist"])

    def test_umbrella_without_io(self):
        self.finds("include/agon/agon.hpp:1: reaches io/png.hpp",
                   {"agon.hpp": UMBRELLA + "#include <agon/io/png.hpp>\n"})

    def test_openmp(self):
        for line in ["#pragma omp simd", "#include <omp.h>", "int n = omp_get_num_threads();", '_Pragma("omp for")']:
            self.finds("include/agon/core/error.hpp:2: OpenMP", {"core/error.hpp": f"#pragma once\n{line}\n"})

    def test_eigen(self):
        self.finds("include/agon/tensor/body-inl.hpp:1: Eigen", {"tensor/body-inl.hpp": "#include <Eigen/Core>\n"})
        self.finds("include/agon/kernels/body-inl.hpp:1: Eigen", {"kernels/body-inl.hpp": "#include <Eigen/Core>\n"})

    def test_file_libraries(self):
        self.finds("include/agon/core/error.hpp:2: zlib",
                   {"core/error.hpp": "#pragma once\n#include <zlib.h>\n"})

    def test_printing(self):
        for line in ["std::cout << 1;", "std::cerr << 1;", 'printf("x");', 'std::fprintf(f, "x");',
                     "#include <iostream>"]:
            self.finds("include/agon/core/error.hpp:2: the library never prints",
                       {"core/error.hpp": f"#pragma once\n{line}\n"})

    def test_text_into_a_buffer_is_no_printing(self):
        self.assertEqual(self.findings({"core/error.hpp": '#pragma once\nstd::snprintf(s, 3, "x");\n'}), [])

    def test_assert(self):
        self.finds("include/agon/core/error.hpp:3: no assert",
                   {"core/error.hpp": "#pragma once\n/* a\n*/ assert(x);\n"})

    def test_missing_guard(self):
        self.finds("include/agon/core/error.hpp:1: #pragma once is missing", {"core/error.hpp": "int x;\n"})

    def test_guard_in_a_kernel_body(self):
        self.finds("include/agon/tensor/body-inl.hpp:1: is included once per",
                   {"tensor/body-inl.hpp": "#pragma once\n"})

    def test_long_header(self):
        self.finds("include/agon/core/error.hpp:601: 601 lines", {"core/error.hpp": "#pragma once\n" + "\n" * 600})

    def test_large_file(self):
        self.finds("weights.bin:1: 1048577 bytes", {}, [("weights.bin", (1 << 20) + 1)])
        self.assertEqual(self.findings({}, [("weights.bin", 1 << 20)]), [])


if __name__ == "__main__":
    unittest.main()
