#include <agon/io/safetensors.hpp>

#include "support.hpp"

#include <cstdlib>

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

namespace {

template <Element T>
Tensor<T> tensor_with(const Shape& shape, std::initializer_list<T> values) {
  auto tensor = Tensor<T>::uninitialized(shape);
  std::copy(values.begin(), values.end(), tensor.mutable_data().begin());
  return tensor;
}

// One tensor of each type, integers and texts.
State example() {
  State state;
  state.set("G.weight", tensor_with<float>({2, 2}, {1.5f, -2, 0, 1e-30f}));
  state.set("G.scale", tensor_with<double>({}, {0.1}));
  state.set("count", tensor_with<std::int64_t>({1}, {std::int64_t{-1} << 62}));
  state.set("labels", tensor_with<std::int32_t>({3}, {7, -8, 9}));
  state.set("pixels", tensor_with<std::uint8_t>({1, 3, 1}, {0, 128, 255}));
  state.set("mask", tensor_with<bool>({2}, {true, false}));
  state.set("nothing", Tensor<float>::uninitialized({0, 4}));
  state.set("step", std::int64_t{-1234567890123});
  state.set("name", std::string("a \"name\"\n\xc3\xa9"));
  state.set("looks like an integer", std::string("int64:5"));
  state.set("looks like a text", std::string("text:"));
  state.set("empty", std::string());
  return state;
}

void check_equal(const State& a, const State& b) {
  REQUIRE(a.entries().size() == b.entries().size());
  for (const auto& [name, value] : a.entries()) {
    CAPTURE(name);
    REQUIRE(b.contains(name));
    const auto& other = b.entries().at(name);
    REQUIRE(value.index() == other.index());
    if (const auto* integer = std::get_if<std::int64_t>(&value)) CHECK(*integer == std::get<std::int64_t>(other));
    if (const auto* text = std::get_if<std::string>(&value)) CHECK(*text == std::get<std::string>(other));
    if (const auto* any = std::get_if<AnyTensor>(&value))
      std::visit(
          [&]<Element T>(const Tensor<T>& tensor) {
            const auto& read = std::get<Tensor<T>>(std::get<AnyTensor>(other));
            CHECK(read.shape() == tensor.shape());
            CHECK(std::ranges::equal(read.data(), tensor.data()));
          },
          *any);
  }
}

Bytes file(const std::string& json, const std::string& data = "") {
  std::string bytes;
  io::detail::append_little_endian(bytes, json.size(), 8);
  return bytes_of(bytes + json + data);
}

std::string refusal(const std::string& json, const std::string& data = "") {
  return io_error_of([&] { decode_safetensors(file(json, data), "file.safetensors"); });
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

}  // namespace

TEST_CASE("safetensors gives back the state that was written") {
  const auto state = example();
  check_equal(state, decode_safetensors(encode_safetensors(state), "a"));
  check_equal(State(), decode_safetensors(encode_safetensors(State()), "a"));

  const TemporaryFolder folder;
  save_safetensors(folder / "a", state);
  CHECK(read_file(folder / "a", 10000) == encode_safetensors(state));
  check_equal(state, load_safetensors(folder / "a"));
  CHECK_THAT(io_error_of([&] { load_safetensors(folder / "a", 100); }), ContainsSubstring("expected at most 100"));
}

TEST_CASE("a safetensors file as the format's own library writes it is read") {
  const auto bytes = file(
      R"({"__metadata__":{"format":"np"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("w":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},"m":{"dtype":"BOOL","shape":[2],"data_offsets":[16,18]}}    )",
      std::string("\7\0\0\0\0\0\0\0\0\0\xc0?\0\0\0\xc0\1\0", 18));
  State expected;
  expected.set("n", tensor_with<std::int64_t>({}, {7}));
  expected.set("w", tensor_with<float>({1, 2}, {1.5f, -2}));
  expected.set("m", tensor_with<bool>({2}, {true, false}));
  expected.set("format", std::string("np"));
  check_equal(expected, decode_safetensors(bytes, "a"));
  CHECK(encode_safetensors(expected) == bytes);
}

TEST_CASE("safetensors are exchanged with the format's own library") {
  const char* const chosen = std::getenv("AGON_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (std::system((python + " -c 'import numpy, safetensors' 2> /dev/null").c_str()) != 0)
    SKIP("no python with numpy and safetensors; AGON_PYTHON names another");
  const TemporaryFolder folder;
  save_safetensors(folder / "from_agon", example());
  const auto command = python + " '" AGON_TEST_DIR "/io/safetensors_peer.py' '" + folder.path().string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  check_equal(example(), load_safetensors(folder / "from_python"));
}

TEST_CASE("safetensors cut off anywhere are refused") {
  check_truncations(encode_safetensors(example()), [](ByteView bytes) { decode_safetensors(bytes, "a"); });
}

TEST_CASE("safetensors with a bad header length are refused") {
  const auto decode = [](const Bytes& bytes) {
    return io_error_of([&] { decode_safetensors(bytes, "file.safetensors"); });
  };
  CHECK_THAT(decode({0, 0, 0, 0, 1, 0, 0, 0, '{', '}'}),
             ContainsSubstring("file.safetensors: safetensors header of 4294967296 bytes; expected at most 2"));
  CHECK_THAT(decode(Bytes(8, 255)), ContainsSubstring("header of 18446744073709551615 bytes; expected at most 0"));
  CHECK_THAT(decode({0, 0, 0, 0, 0, 0, 0, 0}), ContainsSubstring("does not begin with '{'"));
  Bytes large((17 << 20) + 8, ' ');
  large[8] = '{', large.back() = '}';
  for (std::size_t i = 0; i < 8; ++i) large[i] = static_cast<std::uint8_t>((large.size() - 8) >> (8 * i));
  CHECK_THAT(decode(large), ContainsSubstring("expected at most 16777216"));
}

TEST_CASE("safetensors whose offsets do not cover the file are refused") {
  const auto u8 = [](const std::string& size, const std::string& offsets) {
    return entry("U8", "[" + size + "]", offsets);
  };
  CHECK(refusal(R"({"a":)" + u8("1", "[0,1]") + R"(,"b":)" + u8("2", "[1,3]") + "}", "xyz") == "no IoError");
  CHECK(refusal(R"({"a":)" + u8("2", "[1,3]") + R"(,"b":)" + u8("1", "[0,1]") + "}", "xyz") == "no IoError");
  // overlap, hole in the middle, hole at the front, the same bytes twice, bytes left over
  CHECK_THAT(refusal(R"({"a":)" + u8("2", "[0,2]") + R"(,"b":)" + u8("2", "[1,3]") + "}", "xyz"),
             ContainsSubstring("tensor 'b' begins at byte 1; expected 2"));
  CHECK_THAT(refusal(R"({"a":)" + u8("1", "[0,1]") + R"(,"b":)" + u8("1", "[2,3]") + "}", "xyz"),
             ContainsSubstring("tensor 'b' begins at byte 2; expected 1"));
  CHECK_THAT(refusal(R"({"a":)" + u8("2", "[1,3]") + "}", "xyz"),
             ContainsSubstring("'a' begins at byte 1; expected 0"));
  CHECK_THAT(refusal(R"({"a":)" + u8("3", "[0,3]") + R"(,"b":)" + u8("3", "[0,3]") + "}", "xyz"),
             ContainsSubstring("begins at byte 0; expected 3"));
  CHECK_THAT(refusal(R"({"a":)" + u8("2", "[0,2]") + "}", "xyz"), ContainsSubstring("end at byte 2; expected 3"));
  CHECK_THAT(refusal("{}", "x"), ContainsSubstring("end at byte 0; expected 1"));
  // beyond the end, backwards, not what the shape needs
  CHECK_THAT(refusal(R"({"a":)" + u8("4", "[0,4]") + "}", "xyz"), ContainsSubstring("ascending offsets within 3"));
  CHECK_THAT(refusal(R"({"a":)" + u8("1", "[3,2]") + "}", "xyz"), ContainsSubstring("ascending offsets within 3"));
  CHECK_THAT(refusal(R"({"a":)" + u8("0", "[18446744073709551615,18446744073709551615]") + "}", "xyz"),
             ContainsSubstring("ascending offsets within 3"));
  CHECK_THAT(refusal(R"({"a":)" + u8("2", "[0,3]") + "}", "xyz"), ContainsSubstring("has 3 bytes; expected 2"));
  CHECK_THAT(refusal(R"({"a":)" + entry("F32", "[1]", "[0,3]") + "}", "xyz"),
             ContainsSubstring("has 3 bytes; expected 4"));
}

TEST_CASE("safetensors whose shapes overflow are refused") {
  const auto shape = [](const std::string& sizes) { return refusal(R"({"a":)" + entry("F32", sizes, "[0,0]") + "}"); };
  CHECK(shape("[0]") == "no IoError");
  CHECK(shape("[5,0,1000000]") == "no IoError");
  CHECK_THAT(shape("[4294967296,4294967296]"), ContainsSubstring("has 0 bytes; expected 18446744073709551615"));
  CHECK_THAT(shape("[4611686018427387904]"), ContainsSubstring("has 0 bytes"));
  CHECK_THAT(shape("[0,4294967296,4294967296]"), ContainsSubstring("has 0 bytes"));
  CHECK_THAT(shape("[4611686018427387904,2,0]"), ContainsSubstring("has 0 bytes"));
  CHECK_THAT(shape("[9223372036854775808]"), ContainsSubstring("a size above 2^63 - 1"));
  CHECK_THAT(shape("[18446744073709551616]"), ContainsSubstring("no 64-bit integer"));
  CHECK_THAT(shape("[-1]"), ContainsSubstring("a negative number"));
  CHECK_THAT(shape("[1.0]"), ContainsSubstring("no 64-bit integer"));
  CHECK_THAT(shape("[1e400]"), ContainsSubstring("is not JSON"));
  CHECK_THAT(shape("[1,1,1,1,1,1,1,1,1]"), ContainsSubstring("more than 8 dimensions"));
}

TEST_CASE("safetensors with a header of another form are refused") {
  const auto good = entry("U8", "[1]", "[0,1]");
  CHECK(refusal(R"({"a":)" + good + "}", "x") == "no IoError");
  for (const std::string& json :
       {std::string(R"({"a":1})"),
        std::string(R"({"a":null})"),
        std::string(R"({"a":[]})"),
        std::string(R"({"a":{}})"),
        std::string(R"({"a":{"dtype":"U8","shape":[1]}})"),
        std::string(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})"),
        std::string(R"({"a":{"shape":[1],"data_offsets":[0,1]}})"),
        R"({"a":)" + entry("U8", "1", "[0,1]") + "}",
        R"({"a":)" + entry("U8", "[true]", "[0,1]") + "}",
        R"({"a":)" + entry("U8", "[\"1\"]", "[0,1]") + "}",
        R"({"a":)" + entry("U8", "[[1]]", "[0,1]") + "}",
        R"({"a":)" + entry("U8", "[1]", "[]") + "}",
        R"({"a":)" + entry("U8", "[1]", "[0]") + "}",
        R"({"a":)" + entry("U8", "[1]", "[0,1,1]") + "}",
        R"({"a":)" + entry("U8", "[1]", "{}") + "}",
        R"({"a":)" + entry("", "[1]", "[0,1]") + "}",
        std::string(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1}})"),
        std::string(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})"),
        std::string(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})"),
        std::string(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}})"),
        std::string(R"({"__metadata__":"text"})"),
        std::string(R"({"__metadata__":{"a":1}})"),
        std::string(R"({"__metadata__":{"a":{"b":"c"}}})"),
        R"({"__metadata__":)" + good + "}"}) {
    CAPTURE(json);
    CHECK_THAT(refusal(json, "x"), ContainsSubstring("file.safetensors: safetensors header has"));
  }
  for (const std::string json :
       {"{", "{\"a\":", "{} x", "{}{}", "{'a':1}", "{\"\xff\":1}", "{\"a\":\"\x01\"}", "{/**/}"}) {
    CAPTURE(json);
    CHECK_THAT(refusal(json), ContainsSubstring("is not JSON"));
  }
  CHECK_THAT(refusal("[]"), ContainsSubstring("does not begin with '{'"));
  CHECK_THAT(refusal(" {}"), ContainsSubstring("does not begin with '{'"));
  CHECK_THAT(refusal("\xef\xbb\xbf{}"), ContainsSubstring("does not begin with '{'"));
  for (const std::string dtype : {"F16", "BF16", "f32", "F32 ", "I16"})
    CHECK_THAT(refusal(R"({"a":)" + entry(dtype, "[0]", "[0,0]") + "}"), ContainsSubstring("dtype '" + dtype + "'"));
  CHECK_THAT(refusal(R"({"a":)" + entry("BOOL", "[2]", "[0,2]") + "}", "\1\2"),
             ContainsSubstring("tensor 'a': bool number 1 is stored as 2; expected 0 or 1"));
}

TEST_CASE("safetensors with names that are empty, too long or come twice are refused") {
  const auto empty = entry("U8", "[0]", "[0,0]");
  const auto named = [&](const std::string& name) { return R"({")" + name + R"(":)" + empty + "}"; };
  CHECK(refusal(named(std::string(256, 'n'))) == "no IoError");
  CHECK_THAT(refusal(named(std::string(257, 'n'))), ContainsSubstring("of 257 bytes; expected 1 to 256"));
  CHECK_THAT(refusal(named("")), ContainsSubstring("of 0 bytes; expected 1 to 256"));
  CHECK_THAT(refusal(R"({"a":)" + empty + R"(,"a":)" + empty + "}"), ContainsSubstring("name 'a' comes twice"));
  CHECK_THAT(refusal(R"({"a":)" + empty + R"(,"\u0061":)" + empty + "}"), ContainsSubstring("name 'a' comes twice"));
  CHECK_THAT(refusal(R"({"a":)" + empty + R"(,"__metadata__":{"a":"b"}})"), ContainsSubstring("name 'a' comes twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{"a":"b"},"a":)" + empty + "}"), ContainsSubstring("name 'a' comes twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{"a":"b","a":"b"}})"), ContainsSubstring("name 'a' comes twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})"), ContainsSubstring("comes twice"));
  CHECK_THAT(refusal(R"({"__metadata__":{"__metadata__":"a"}})"), ContainsSubstring("'__metadata__' comes twice"));
  CHECK_THAT(refusal(R"({"\u001b[2J":1})"), ContainsSubstring("'?[2J'"));
}

TEST_CASE("safetensors metadata that claims to be an integer must be one") {
  const auto value = [](const std::string& text) { return refusal(R"({"__metadata__":{"a":")" + text + R"("}})"); };
  CHECK(value("int64:-9223372036854775808") == "no IoError");
  for (const std::string text : {"int64:", "int64:x", "int64:1 ", "int64: 1", "int64:+1", "int64:9223372036854775808"})
    CHECK_THAT(value(text), ContainsSubstring("expected a 64-bit integer"));
}

TEST_CASE("deep nesting in a safetensors header is refused at once") {
  for (const std::string& open : {std::string("["), std::string("{\"a\":")}) {
    std::string deep;
    for (int i = 0; i < 1000000; ++i) deep += open;
    CHECK_THAT(refusal("{\"a\":" + deep), ContainsSubstring("safetensors header has"));
    CHECK_THAT(refusal("{\"a\":{\"shape\":" + deep), ContainsSubstring("safetensors header has"));
  }
}

TEST_CASE("a state that safetensors cannot hold is refused and nothing is written") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const State::Value& value) {
    State state;
    if (const auto* text = std::get_if<std::string>(&value)) state.set(name, *text);
    if (std::holds_alternative<AnyTensor>(value)) state.set(name, std::get<Tensor<float>>(std::get<AnyTensor>(value)));
    return io_error_of([&] { save_safetensors(folder / "a", state); });
  };
  CHECK_THAT(refused("", std::string()), ContainsSubstring("cannot store the name ''"));
  CHECK_THAT(refused(std::string(257, 'n'), std::string()), ContainsSubstring("expected 1 to 256"));
  CHECK_THAT(refused("__metadata__", std::string()), ContainsSubstring("__metadata__"));
  CHECK_THAT(refused("a", std::string("\xff")), ContainsSubstring("not UTF-8"));
  CHECK_THAT(refused("\xff", std::string("a")), ContainsSubstring("not UTF-8"));
  CHECK_THAT(refused("a", AnyTensor(Tensor<float>())), ContainsSubstring("tensor 'a' is absent"));
  CHECK_THAT(refused("a", std::string(17 << 20, 'x')), ContainsSubstring("expected at most 16777216"));
  CHECK(folder.files() == 0);
}

TEST_CASE("safetensors survive changed bytes") {
  const auto bytes = encode_safetensors(example());
  CHECK(check_changed_bytes(bytes, [](ByteView changed) { decode_safetensors(changed, "a"); }) > 1000);
}
