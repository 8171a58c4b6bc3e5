// Rules for Java and C#.
import type { LanguageRules } from "../languageRules.ts";

export const java: LanguageRules = {
  grammar: "java",
  declarations: {
    class_declaration: { show: "members" },
    interface_declaration: { show: "members" },
    record_declaration: { show: "members" },
    annotation_type_declaration: { show: "compact" },
    enum_declaration: { show: "compact" },
    enum_constant: { show: "signature" },
    enum_body_declarations: { show: "inside" },
    method_declaration: { show: "signature" },
    constructor_declaration: { show: "signature" },
    annotation_type_element_declaration: { show: "whole" },
    field_declaration: { show: "line" },
    constant_declaration: { show: "line" },
  },
  names: `
    [(method_declaration) (constructor_declaration) (compact_constructor_declaration) (lambda_expression)] @scope
    (class_declaration name: (identifier) @def)
    (interface_declaration name: (identifier) @def)
    (record_declaration name: (identifier) @def)
    (enum_declaration name: (identifier) @def)
    (annotation_type_declaration name: (identifier) @def)
    (method_declaration name: (identifier) @field)
    (annotation_type_element_declaration name: (identifier) @field)
    (enum_constant name: (identifier) @field)
    (field_declaration declarator: (variable_declarator name: (identifier) @field))
    (constant_declaration declarator: (variable_declarator name: (identifier) @field))
    (local_variable_declaration declarator: (variable_declarator name: (identifier) @local))
    (formal_parameter name: (identifier) @local)
    (spread_parameter (variable_declarator name: (identifier) @local))
    (catch_formal_parameter name: (identifier) @local)
    (enhanced_for_statement name: (identifier) @local)
    (resource name: (identifier) @local)
    (lambda_expression parameters: (identifier) @local)
    (inferred_parameters (identifier) @local)
    (type_parameter (type_identifier) @local)
    (package_declaration) @skip
    [(identifier) (type_identifier)] @name
    (method_invocation name: (identifier) @member)
    (field_access field: (identifier) @member)
    (import_declaration [(scoped_identifier) (identifier)] @import)
    [(line_comment) (block_comment)] @comment
  `,
  comment: "//",
};

export const csharp: LanguageRules = {
  grammar: "c-sharp",
  declarations: {
    namespace_declaration: { show: "members" },
    class_declaration: { show: "members" },
    struct_declaration: { show: "members" },
    interface_declaration: { show: "members" },
    record_declaration: { show: "members" },
    enum_declaration: { show: "whole" },
    delegate_declaration: { show: "whole" },
    method_declaration: { show: "signature" },
    constructor_declaration: { show: "signature", body: ["constructor_initializer", "body"] },
    operator_declaration: { show: "signature" },
    conversion_operator_declaration: { show: "signature" },
    indexer_declaration: { show: "signature", body: ["accessors", "value"] },
    property_declaration: { show: "signature", body: ["accessors", "value"] },
    event_declaration: { show: "signature", body: ["accessors"] },
    event_field_declaration: { show: "line" },
    field_declaration: { show: "line" },
  },
  names: `
    [(method_declaration) (constructor_declaration) (operator_declaration) (indexer_declaration)
     (accessor_declaration) (local_function_statement) (lambda_expression)] @scope
    (class_declaration name: (identifier) @def)
    (struct_declaration name: (identifier) @def)
    (interface_declaration name: (identifier) @def)
    (record_declaration name: (identifier) @def)
    (enum_declaration name: (identifier) @def)
    (delegate_declaration name: (identifier) @def)
    (method_declaration name: (identifier) @field)
    (property_declaration name: (identifier) @field)
    (event_declaration name: (identifier) @field)
    (enum_member_declaration name: (identifier) @field)
    (field_declaration (variable_declaration (variable_declarator name: (identifier) @field)))
    (event_field_declaration (variable_declaration (variable_declarator name: (identifier) @field)))
    (local_declaration_statement (variable_declaration (variable_declarator name: (identifier) @local)))
    (parameter name: (identifier) @local)
    (foreach_statement left: (identifier) @local)
    (catch_declaration name: (identifier) @local)
    (implicit_parameter) @local
    (declaration_pattern name: (identifier) @local)
    (declaration_expression name: (identifier) @local)
    (type_parameter name: (identifier) @local)
    (namespace_declaration name: (_) @skip)
    (file_scoped_namespace_declaration name: (_) @skip)
    (identifier) @name
    (member_access_expression name: (identifier) @member)
    (using_directive (qualified_name) @import)
    (using_directive !name (identifier) @import)
    (comment) @comment
  `,
  comment: "//",
};
