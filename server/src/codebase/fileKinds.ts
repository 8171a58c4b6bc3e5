// Tells by its name alone that a file or folder is worth nothing in a context: somebody else's code, generated, locked or binary.

const LOCK_FILES = new Set(
  (
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock Cargo.lock poetry.lock " +
    "Pipfile.lock uv.lock pdm.lock pixi.lock conda-lock.yml composer.lock Gemfile.lock go.sum go.work.sum mix.lock " +
    "rebar.lock flake.lock pubspec.lock Podfile.lock Cartfile.resolved Package.resolved gradle.lockfile packages.lock.json " +
    "paket.lock stack.yaml.lock cabal.project.freeze shard.lock conan.lock .terraform.lock.hcl MODULE.bazel.lock"
  )
    .toLowerCase()
    .split(" "),
);

/** Extensions that are never text; what is missing here is found by its content. */
const BINARY_EXTENSIONS = new Set(
  (
    "png jpg jpeg jfif gif bmp ico icns webp avif heic tif tiff psd ai eps xcf sketch fig mp3 wav flac ogg m4a aac mp4 m4v " +
    "mov avi mkv webm zip gz tgz bz2 xz zst lz4 7z rar tar jar war ear aar apk ipa dmg iso deb rpm msi whl egg gem nupkg " +
    "vsix crx exe dll so dylib a lib o obj pdb class pyc pyo pyd wasm node bin dat db sqlite sqlite3 mdb pdf doc docx xls " +
    "xlsx ppt pptx odt ods odp ttf otf woff woff2 eot gguf safetensors onnx pt pth ckpt h5 npy npz pkl parquet arrow feather " +
    "blend fbx glb stl swf keynote pages numbers"
  ).split(" "),
);

/** Folders that package managers fill, or that by custom hold copies of other projects. Compare Linguist's vendor.yml. */
const VENDORED_FOLDERS = new Set(
  (
    "node_modules bower_components jspm_packages vendor vendors third_party third-party thirdparty ThirdParty 3rdparty " +
    "3rd_party Godeps Pods Carthage .yarn .pnpm-store site-packages .venv .bundle elm-stuff"
  ).split(" "),
);

/** Copies of well-known libraries. */
const VENDORED_FILES =
  /^(?:jquery(?:[.-]?(?:ui|migrate|mobile))?[.-]?\d[\w.]*|(?:bootstrap|angular|react|vue|d3|three|lodash|underscore|moment|modernizr|require|backbone|ember)[.-]v?\d[\w.-]*)\.(?:[cm]?js|css)$/;

/** Names that code generators and bundlers give. Only such as nobody chooses by hand. */
const GENERATED_FILES = [
  /\.(?:pb|pb\.gw|pb\.validate)\.go$/,
  /_(?:pb2|pb2_grpc)\.pyi?$/,
  /(?:_pb|_grpc_pb|_pb_service)\.(?:d\.)?[jt]s$/,
  /\.(?:pb|grpc\.pb)\.(?:h|cc|swift)$/,
  /_pb\.rb$/,
  /\.(?:g|freezed|gr|mocks|pb|pbenum|pbgrpc|pbjson|pbserver)\.dart$/,
  /\.(?:designer|g|g\.i|generated)\.(?:cs|vb)$/,
  /(?:^zz_generated\.|\.gen\.|\.generated\.)[\w.]*(?:go|rs|ts|tsx|js|py|java|kt|swift|h|cc|cpp|graphql)$/,
  /\.bundle\.(?:[cm]?js|css)$/,
  /^(?:moc|qrc)_\w+\.cpp$/,
];

const THIRD_PARTY = "third-party code (by its name)";

/**
 * @param path Path with forward slashes; of a folder, with a slash at the end.
 * @returns Why it is left out unless the user asks for it, for people; undefined: nothing speaks against its name.
 */
export function reasonAgainstKind(path: string): string | undefined {
  const segments = path.split("/");
  const name = (segments.pop() ?? "").toLowerCase();
  // Folders with their case: `Pods` is CocoaPods', `pods` is about containers.
  if (name === "") return VENDORED_FOLDERS.has(segments.at(-1) ?? "") ? THIRD_PARTY : undefined;
  if (LOCK_FILES.has(name)) return "lock file";
  if (name.endsWith(".map") || /[.-]min\.(?:[cm]?js|css)$/.test(name)) return "minified or source map";
  if (VENDORED_FILES.test(name)) return THIRD_PARTY;
  if (GENERATED_FILES.some((pattern) => pattern.test(name))) return "generated (by its name)";
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return BINARY_EXTENSIONS.has(extension) && name.includes(".") ? "binary" : undefined;
}
