// Tests which names alone say that a file is not worth reading, and that names people choose are none of them.
import assert from "node:assert/strict";
import { reasonAgainstKind } from "../../../server/src/codebase/fileKinds.ts";

const LEFT_OUT: [reason: string, paths: string][] = [
  [
    "third-party code (by its name)",
    "vendor/ a/third_party/ node_modules/ x/bower_components/ ios/Pods/ Carthage/ .yarn/",
  ],
  ["third-party code (by its name)", "lib/site-packages/ jquery-3.7.1.js jquery-ui-1.13.css d3.v7.js"],
  [
    "generated (by its name)",
    "a.pb.go a_pb2.py a_pb2_grpc.pyi a.g.dart a.freezed.dart Form.Designer.cs x.g.i.cs a.bundle.js",
  ],
  ["generated (by its name)", "a_pb.d.ts a.pb.h zz_generated.deepcopy.go schema.gen.ts api.generated.ts moc_main.cpp"],
  ["minified or source map", "a.min.js b-min.css c.js.map d.min.mjs"],
  ["lock file", "package-lock.json x/Cargo.lock go.sum"],
  ["binary", "a.png x/b.ZIP c.so"],
];
const READ =
  "src/ pods/ vendor.ts vendorList/ jquery.ts src/jquery-plugin.js d3.ts generated.ts user_generated.ts bundle.js min.js " +
  "map.ts pb.go png a.d.ts designer.cs ui_main.cpp lock.ts react.tsx .yarnrc.yml external/ gen/ build/ dist/";

describe("file kinds", () => {
  for (const [reason, paths] of LEFT_OUT) {
    for (const path of paths.split(" ")) {
      it(`${path}: ${reason}`, () => assert.equal(reasonAgainstKind(path), reason));
    }
  }
  for (const path of READ.split(" ")) {
    it(`${path}: nothing against it`, () => assert.equal(reasonAgainstKind(path), undefined));
  }
});
