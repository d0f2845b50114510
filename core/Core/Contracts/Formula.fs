namespace KdPlugins.Core

open System

/// Offers a pure function, a static method of tensors and numbers, to `kd probe ID --formula NAME`: what a method's steps
/// are made of can so be held against another implementation. Put it on the function that the steps call. Parameters are
/// tensors, IReadOnlyList of tensors or float64, float64, int64, int32, bool and enumerations; results are these, tuples
/// and records of them. name: in kebab-case, unique within the assembly.
[<Sealed; AttributeUsage(AttributeTargets.Method)>]
type FormulaAttribute(name: string) =
    inherit Attribute()

    /// In kebab-case.
    member _.Name = name

    /// What it computes, one line.
    member val Description = "" with get, set
