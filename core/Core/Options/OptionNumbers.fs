/// Numbers as JSON writes them, read without loss.
module internal KdPlugins.Core.OptionNumbers

open System
open System.Globalization
open System.Numerics

/// Beyond this every number is out of any integer's bounds.
let private mostDigits = 40

/// The whole number that digits such as 3, 3.0 or 3e2 stand for; nothing where they stand for none. What is too large
/// for every integer comes back as a number outside of all of them.
let tryWhole (digits: string) : decimal voption =
    let mantissa, exponent =
        match digits.IndexOfAny [| 'e'; 'E' |] with
        | -1 -> digits, 0
        | at ->
            match
                Int32.TryParse(digits.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
            with
            | true, e -> digits.Substring(0, at), e
            | _ when digits[at + 1] = '-' -> digits.Substring(0, at), -1_000_000
            | _ -> digits.Substring(0, at), 1_000_000

    let negative = mantissa.StartsWith '-'
    let parts = mantissa.TrimStart('-').Split '.'
    let fraction = if parts.Length > 1 then parts[1].TrimEnd '0' else ""
    let all = (parts[0] + fraction).TrimStart '0'
    let significant = all.TrimEnd '0'

    // The value is significant * 10^power.
    let power =
        int64 exponent - int64 fraction.Length + int64 (all.Length - significant.Length)

    if significant = "" then
        ValueSome 0m
    elif power < 0L then
        ValueNone
    elif int64 significant.Length + power > int64 mostDigits then
        ValueSome(if negative then Decimal.MinValue else Decimal.MaxValue)
    else
        let value =
            BigInteger.Parse(significant, CultureInfo.InvariantCulture)
            * BigInteger.Pow(10I, int power)

        let signed = if negative then -value else value
        let limit = BigInteger Decimal.MaxValue
        ValueSome(decimal (BigInteger.Max(-limit, BigInteger.Min(limit, signed))))

/// The nearest double; nothing where the number is too large for one.
let tryReal (digits: string) : double voption =
    match Double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value when Double.IsFinite value -> ValueSome value
    | _ -> ValueNone
