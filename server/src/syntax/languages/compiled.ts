// Rules for C, C++, Go and Rust.
import type { LanguageRules } from "../languageRules.ts";

/** Also for C, which is close enough to a part of C++. */
export const cpp: LanguageRules = {
  grammar: "cpp",
  declarations: {
    namespace_definition: { show: "members" },
    linkage_specification: { show: "members" },
    template_declaration: { show: "wrapper" },
    class_specifier: { show: "members" },
    struct_specifier: { show: "compact" },
    union_specifier: { show: "compact" },
    enum_specifier: { show: "whole" },
    function_definition: { show: "signature", body: ["field_initializer_list", "body", "try_statement"] },
    declaration: { show: "whole" },
    field_declaration: { show: "whole" },
    alias_declaration: { show: "whole" },
    concept_definition: { show: "whole" },
    type_definition: { show: "whole" },
    access_specifier: { show: "whole" },
    preproc_def: { show: "line" },
    preproc_function_def: { show: "line" },
    preproc_ifdef: { show: "inside" },
    preproc_if: { show: "inside" },
    preproc_else: { show: "inside" },
    preproc_elif: { show: "inside" },
  },
  names: `
    [(function_definition) (lambda_expression)] @scope
    (class_specifier name: (type_identifier) @def body: (_))
    (struct_specifier name: (type_identifier) @def body: (_))
    (union_specifier name: (type_identifier) @def body: (_))
    (enum_specifier name: (type_identifier) @def)
    (alias_declaration name: (type_identifier) @def)
    (concept_definition name: (identifier) @def)
    (type_definition declarator: (type_identifier) @def)
    (type_definition declarator: (function_declarator declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @def))))
    (preproc_def name: (identifier) @def)
    (preproc_function_def name: (identifier) @def)
    (declaration declarator: (identifier) @def)
    (declaration declarator: (pointer_declarator declarator: (identifier) @def))
    (declaration declarator: (array_declarator declarator: (identifier) @def))
    (init_declarator declarator: (identifier) @def)
    (init_declarator declarator: (pointer_declarator declarator: (identifier) @def))
    (init_declarator declarator: (reference_declarator (identifier) @def))
    (init_declarator declarator: (array_declarator declarator: (identifier) @def))
    (function_declarator declarator: [(identifier) (field_identifier)] @field)
    (function_declarator declarator: (qualified_identifier name: (identifier) @field))
    (field_declaration declarator: (field_identifier) @field)
    (field_declaration declarator: (pointer_declarator declarator: (field_identifier) @field))
    (field_declaration declarator: (array_declarator declarator: (field_identifier) @field))
    (enumerator name: (identifier) @field)
    (parameter_declaration declarator: (identifier) @local)
    (parameter_declaration declarator: (pointer_declarator declarator: (identifier) @local))
    (parameter_declaration declarator: (reference_declarator (identifier) @local))
    (optional_parameter_declaration declarator: (identifier) @local)
    (for_range_loop declarator: (identifier) @local)
    (for_range_loop declarator: (reference_declarator (identifier) @local))
    (type_parameter_declaration (type_identifier) @local)
    (preproc_params (identifier) @local)
    [(identifier) (type_identifier)] @name
    (field_expression field: (field_identifier) @member)
    (qualified_identifier name: (identifier) @member)
    (preproc_include path: (_) @import)
    (comment) @comment
  `,
  comment: "//",
};

export const go: LanguageRules = {
  grammar: "go",
  declarations: {
    function_declaration: { show: "signature" },
    method_declaration: { show: "signature" },
    type_declaration: { show: "whole" },
    const_declaration: { show: "whole" },
    var_declaration: { show: "whole" },
  },
  names: `
    [(function_declaration) (method_declaration) (func_literal)] @scope
    (function_declaration name: (identifier) @outer)
    (type_spec name: (type_identifier) @def)
    (type_alias name: (type_identifier) @def)
    (const_spec name: (identifier) @def)
    (var_spec name: (identifier) @def)
    (method_declaration name: (field_identifier) @field)
    (method_elem name: (field_identifier) @field)
    (field_declaration name: (field_identifier) @field)
    (short_var_declaration left: (expression_list (identifier) @local))
    (range_clause left: (expression_list (identifier) @local))
    (parameter_declaration name: (identifier) @local)
    (variadic_parameter_declaration name: (identifier) @local)
    (type_parameter_declaration name: (identifier) @local)
    [(identifier) (type_identifier)] @name
    (selector_expression field: (field_identifier) @member)
    (import_spec path: (_) @import)
    (comment) @comment
  `,
  comment: "//",
  newlines: true,
};

export const rust: LanguageRules = {
  grammar: "rust",
  declarations: {
    mod_item: { show: "members" },
    foreign_mod_item: { show: "members" },
    impl_item: { show: "members" },
    trait_item: { show: "members" },
    struct_item: { show: "whole" },
    enum_item: { show: "whole" },
    union_item: { show: "whole" },
    function_item: { show: "signature" },
    function_signature_item: { show: "whole" },
    associated_type: { show: "whole" },
    const_item: { show: "line" },
    static_item: { show: "line" },
    type_item: { show: "whole" },
    macro_definition: { show: "line" },
  },
  names: `
    [(function_item) (closure_expression)] @scope
    (struct_item name: (type_identifier) @def)
    (enum_item name: (type_identifier) @def)
    (union_item name: (type_identifier) @def)
    (trait_item name: (type_identifier) @def)
    (type_item name: (type_identifier) @def)
    (const_item name: (identifier) @def)
    (static_item name: (identifier) @def)
    (macro_definition name: (identifier) @def)
    (mod_item name: (identifier) @def body: (_))
    (function_item name: (identifier) @field)
    (function_signature_item name: (identifier) @field)
    (associated_type name: (type_identifier) @field)
    (field_declaration name: (field_identifier) @field)
    (enum_variant name: (identifier) @field)
    (let_declaration pattern: (identifier) @local)
    (parameter pattern: (identifier) @local)
    (closure_parameters (identifier) @local)
    (for_expression pattern: (identifier) @local)
    (tuple_pattern (identifier) @local)
    (type_parameter name: (type_identifier) @local)
    (lifetime (identifier) @skip)
    [(identifier) (type_identifier)] @name
    (field_expression field: (field_identifier) @member)
    (scoped_identifier name: (identifier) @member)
    (use_declaration argument: (_) @import)
    (mod_item name: (identifier) @import !body)
    [(line_comment) (block_comment)] @comment
  `,
  comment: "//",
};
