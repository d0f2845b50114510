/// The checks of DataAnnotations, called one by one. The framework's Validator keeps types for ever; this does not.
module internal KdPlugins.Core.OptionChecks

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open System.Globalization
open System.Text.Json
open System.Text.RegularExpressions

let number (value: obj) = Convert.ToString(value, CultureInfo.InvariantCulture)

let private bounds (range: RangeAttribute) =
    let above = if range.MinimumIsExclusive then "above " else "from "
    let below = if range.MaximumIsExclusive then "to below " else "to "
    $"{above}{number range.Minimum} {below}{number range.Maximum}"

let private isReal (value: obj) = value :? double || value :? float32

/// Whether the author wrote the message. Some of the framework's attributes come with one.
let private hasOwnMessage (check: ValidationAttribute) =
    let given: string =
        match check with
        | :? AllowedValuesAttribute -> AllowedValuesAttribute([||]).ErrorMessage
        | :? DeniedValuesAttribute -> DeniedValuesAttribute([||]).ErrorMessage
        | :? LengthAttribute -> LengthAttribute(0, 1).ErrorMessage
        | _ -> null

    not (String.IsNullOrEmpty check.ErrorMessage) && check.ErrorMessage <> given

/// What a check asks for, in words.
let describe (check: ValidationAttribute) (value: obj) : string =
    match check with
    | _ when hasOwnMessage check -> check.FormatErrorMessage "value"
    | :? RangeAttribute as range -> (if isReal value then "a number " else "a whole number ") + bounds range
    | :? AllowedValuesAttribute as allowed -> "one of " + String.Join(", ", allowed.Values |> Seq.map number)
    | :? DeniedValuesAttribute as denied -> "none of " + String.Join(", ", denied.Values |> Seq.map number)
    | :? MinLengthAttribute as least -> $"a length of at least {least.Length}"
    | :? MaxLengthAttribute as most -> $"a length of at most {most.Length}"
    | :? LengthAttribute as length -> $"a length from {length.MinimumLength} to {length.MaximumLength}"
    | :? StringLengthAttribute as length -> $"a length from {length.MinimumLength} to {length.MaximumLength}"
    | :? RegularExpressionAttribute as pattern -> $"a text that matches {pattern.Pattern}"
    | :? RequiredAttribute -> "a value"
    | other -> other.FormatErrorMessage "value"

/// RangeAttribute itself rounds the value to the type of its bounds, and overflows: [Range(1, 3)] would let 3.4 pass.
let private isInRange (range: RangeAttribute) (value: obj) =
    let double' (x: obj) = Convert.ToDouble(x, CultureInfo.InvariantCulture)

    let compare (limit: obj) =
        match value with
        | :? float32 as v -> v.CompareTo(float32 (double' limit))
        | :? double as v -> v.CompareTo(double' limit)
        | _ when (limit :? int) -> (Convert.ToDecimal value).CompareTo(Convert.ToDecimal limit)
        | _ -> (double' value).CompareTo(double' limit)

    let low = compare range.Minimum
    let high = compare range.Maximum

    (if range.MinimumIsExclusive then low > 0 else low >= 0)
    && (if range.MaximumIsExclusive then high < 0 else high <= 0)

let private isNumber (value: obj) =
    match Type.GetTypeCode(value.GetType()) with
    | TypeCode.Byte
    | TypeCode.Int16
    | TypeCode.Int32
    | TypeCode.Int64
    | TypeCode.UInt32
    | TypeCode.UInt64
    | TypeCode.Single
    | TypeCode.Double -> not (value :? Enum)
    | _ -> false

/// The attribute itself lets an empty text pass whatever the pattern, and compiles its pattern anew every time.
let private matches (check: RegularExpressionAttribute) (text: string) =
    let limit = TimeSpan.FromMilliseconds(float check.MatchTimeoutInMilliseconds)

    try
        Regex.IsMatch(text, $@"^(?:{check.Pattern})\z", RegexOptions.None, limit)
    with :? RegexMatchTimeoutException ->
        false

/// The failed checks of a value; only Required where that is among them, for the others then say nothing new.
let failures (instance: obj) (name: string) (checks: ValidationAttribute[]) (value: obj) : ValidationAttribute[] =
    let context = ValidationContext(instance, name, null, null, MemberName = name)

    let isValid (check: ValidationAttribute) =
        match check with
        | :? RangeAttribute as range when
            check.GetType() = typeof<RangeAttribute>
            && not (isNull value)
            && isNumber value
            && (range.Minimum :? int || range.Minimum :? double)
            ->
            isInRange range value
        | :? RegularExpressionAttribute as pattern when check.GetType() = typeof<RegularExpressionAttribute> ->
            isNull value || matches pattern (number value)
        | _ ->
            try
                isNull (check.GetValidationResult(value, context))
            with _ ->
                // A check that cannot judge the value has not passed it.
                false

    let failed = checks |> Array.filter (isValid >> not)

    match failed |> Array.tryFind (fun check -> check :? RequiredAttribute) with
    | Some required -> [| required |]
    | None -> failed

// What people try that is not there, and what to take.
let private inPlaceOf (text: string) (allowed: string seq) =
    match text.ToLowerInvariant() with
    | "fp16"
    | "float16"
    | "half" when Seq.contains "bf16" allowed ->
        "float16 overflows where gradients are not scaled, which nothing here does: take bf16, which is as short and has float32's range."
    | _ -> Nearest.Ask(text, allowed)

/// A hint where a list of allowed values has one that is near.
let ask (checks: ValidationAttribute[]) (text: string) =
    checks
    |> Array.tryPick (function
        | :? AllowedValuesAttribute as allowed -> Some(inPlaceOf text (allowed.Values |> Seq.map number))
        | _ -> None)
    |> Option.defaultValue ""

/// What an instance says about itself as a whole: the keys it names, and why.
let ofWhole (instance: obj) : struct (string list * string) list =
    match instance with
    | :? IValidatableObject as whole ->
        let context = ValidationContext(instance, "options", null, null)

        whole.Validate context
        |> Seq.filter (fun result -> not (isNull result))
        |> Seq.map (fun result ->
            let names: IEnumerable<string> =
                if isNull result.MemberNames then
                    Array.Empty()
                else
                    result.MemberNames

            struct (names |> Seq.map JsonNamingPolicy.CamelCase.ConvertName |> Seq.toList,
                    (result.ErrorMessage
                     |> Option.ofObj
                     |> Option.defaultValue "refused by its own check")))
        |> Seq.toList
    | _ -> []
