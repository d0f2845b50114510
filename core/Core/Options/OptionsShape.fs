namespace KdPlugins.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open System.Reflection
open System.Text.Json
open System.Text.Json.Serialization

/// Put on an option that names a file or folder: a text, or several. Relative ones start at the recipe's folder; a service
/// holds what strangers submit to its data roots by it.
[<Sealed; AllowNullLiteral; AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type RecipePathAttribute() =
    inherit Attribute()

/// Put on a list of which one element may be written without the brackets: "size": 32 beside "size": [32, 48].
[<Sealed; AllowNullLiteral; AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type OneOrManyAttribute() =
    inherit Attribute()

/// Put on a size of images, beside OneOrMany: one number for squares, or height and width, each within the bounds; 0, where
/// it is allowed, only alone.
[<Sealed; AllowNullLiteral; AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type ImageSizeAttribute(least: int, most: int) =
    inherit ValidationAttribute()

    /// The smallest side.
    member _.Least = least

    /// The largest side.
    member _.Most = most

    override _.IsValid(value: obj) : bool =
        match value with
        | :? IReadOnlyList<int> as size when size.Count = 1 -> size[0] >= least && size[0] <= most
        | :? IReadOnlyList<int> as size when size.Count = 2 ->
            size |> Seq.forall (fun side -> side >= max 1 least && side <= most)
        | _ -> false

    override _.FormatErrorMessage _ = $"a whole number from {least} to {most}, or two of them as [height, width]"

/// Put on a type of options that may be written as the value of one of its keys alone, where that says all: "weights": "t.pth"
/// beside "weights": { "path": "t.pth", "strict": false }.
[<Sealed; AllowNullLiteral; AttributeUsage(AttributeTargets.Class ||| AttributeTargets.Struct)>]
type ShortFormAttribute(key: string) =
    inherit Attribute()

    /// The key.
    member _.Key = key

/// How a value of a type is written in JSON.
[<RequireQualifiedAccess>]
type internal ValueKind =
    | Boolean
    | Text
    | Integer of least: decimal * most: decimal
    | Real
    | Single
    | Enumeration
    | Nullable of Type
    /// The element's type, and whether a List is needed rather than an array.
    | Sequence of Type * bool
    | Map of Type
    | Nested
    /// A part of the document that is bound later.
    | Tree
    | Unsupported

module internal ValueKinds =

    let private integers: (Type * decimal * decimal) list =
        [
            typeof<int>, decimal Int32.MinValue, decimal Int32.MaxValue
            typeof<int64>, decimal Int64.MinValue, decimal Int64.MaxValue
            typeof<int16>, decimal Int16.MinValue, decimal Int16.MaxValue
            typeof<byte>, 0m, decimal Byte.MaxValue
            typeof<uint32>, 0m, decimal UInt32.MaxValue
            typeof<uint64>, 0m, decimal UInt64.MaxValue
        ]

    // What a static field holds, a plugin's load context cannot leave: only types that never go are kept in one.
    let private sequences =
        [
            typedefof<IReadOnlyList<_>>
            typedefof<IReadOnlyCollection<_>>
            typedefof<IEnumerable<_>>
            typedefof<IList<_>>
            typedefof<ICollection<_>>
        ]

    let private maps =
        [
            typedefof<IReadOnlyDictionary<_, _>>
            typedefof<IDictionary<_, _>>
            typedefof<Dictionary<_, _>>
        ]

    let private ofGeneric (t: Type) =
        let definition = t.GetGenericTypeDefinition()
        let arguments = t.GetGenericArguments()

        if definition = typedefof<Nullable<_>> then
            ValueKind.Nullable arguments[0]
        elif definition = typedefof<List<_>> then
            ValueKind.Sequence(arguments[0], true)
        elif List.contains definition sequences then
            ValueKind.Sequence(arguments[0], false)
        elif List.contains definition maps && arguments[0] = typeof<string> then
            ValueKind.Map arguments[1]
        else
            ValueKind.Unsupported

    let private isForeign (t: Type) =
        let space = string t.Namespace
        let within (root: string) = space = root || space.StartsWith(root + ".", StringComparison.Ordinal)
        within "System" || within "Microsoft" || within "TorchSharp"

    let private classify (t: Type) =
        match integers |> List.tryFind (fun (i, _, _) -> i = t) with
        | Some(_, least, most) -> ValueKind.Integer(least, most)
        | None when t = typeof<bool> -> ValueKind.Boolean
        | None when t = typeof<string> -> ValueKind.Text
        | None when t = typeof<double> -> ValueKind.Real
        | None when t = typeof<float32> -> ValueKind.Single
        | None when t = typeof<JsonTree> -> ValueKind.Tree
        | None when t.IsEnum -> ValueKind.Enumeration
        | None when t.IsArray && t.GetArrayRank() = 1 -> ValueKind.Sequence(t.GetElementType(), false)
        | None when t.IsGenericType && isForeign t -> ofGeneric t
        | None when isForeign t || t.IsAbstract || t.IsInterface || t.IsPointer || t.IsByRef -> ValueKind.Unsupported
        | None -> ValueKind.Nested

    let private lasting = ConcurrentDictionary<Type, ValueKind>()

    /// How values of a type are written.
    let of' (t: Type) =
        if t.IsCollectible then
            classify t
        else
            lasting.GetOrAdd(t, classify)

/// The names of an enumeration as JSON writes them.
module internal EnumNames =

    /// MultiStep is multi-step.
    let kebab (name: string) = JsonNamingPolicy.KebabCaseLower.ConvertName name

    let all (t: Type) = Enum.GetNames t |> Array.map kebab

    let tryParse (t: Type) (text: string) : obj =
        let same (a: string) (b: string) = String.Equals(a, b, StringComparison.OrdinalIgnoreCase)

        Enum.GetNames t
        |> Array.tryFind (fun name -> same name text || same (kebab name) text)
        |> Option.map (fun name -> Enum.Parse(t, name))
        |> Option.toObj

    let text (value: obj) = kebab (value.ToString())

/// A property that JSON gives. Parameter: the constructor's, where the type has no settable properties.
type internal OptionMember =
    {
        Key: string
        Property: PropertyInfo
        Parameter: ParameterInfo

        /// What the author put on the property, or on the parameter of a positional record.
        Checks: ValidationAttribute[]

        /// Whether the value names files or folders.
        IsPath: bool

        /// Whether one element may be written without the brackets.
        IsOneOrMany: bool
    }

    member this.Type = this.Property.PropertyType

/// What can be given of a type, and how it is made. Constructor: null where the parameterless one is used.
type internal OptionsShape =
    {
        Type: Type
        Members: OptionMember[]
        Constructor: ConstructorInfo
    }

module internal OptionsShapes =

    /// The core's own types may be internal.
    let private flags (t: Type) =
        let mine = t.Assembly = Assembly.GetExecutingAssembly()

        BindingFlags.Instance
        ||| BindingFlags.Public
        ||| (if mine then
                 BindingFlags.NonPublic
             else
                 BindingFlags.Default)

    let rec private depth (t: Type) = if isNull t.BaseType then 0 else 1 + depth t.BaseType

    let private key (p: PropertyInfo) =
        match p.GetCustomAttribute<JsonPropertyNameAttribute>() with
        | null -> JsonNamingPolicy.CamelCase.ConvertName p.Name
        | named -> named.Name

    /// In the order of declaration, a base's first; of properties that hide each other the most derived.
    let private properties (t: Type) =
        t.GetProperties(flags t)
        |> Array.filter (fun p -> p.CanRead && p.GetIndexParameters().Length = 0)
        |> Array.groupBy _.Name
        |> Array.map (fun (_, same) -> same |> Array.maxBy (fun p -> depth p.DeclaringType))
        |> Array.sortBy (fun p -> struct (depth p.DeclaringType, p.MetadataToken))

    let private has<'A when 'A :> Attribute and 'A: null> (p: PropertyInfo) (parameter: ParameterInfo) =
        not (isNull (p.GetCustomAttribute<'A>()))
        || not (isNull parameter) && not (isNull (parameter.GetCustomAttribute<'A>()))

    let private memberOf (parameter: ParameterInfo) (p: PropertyInfo) =
        let ofParameter =
            if isNull parameter then
                Seq.empty
            else
                parameter.GetCustomAttributes<ValidationAttribute>()

        {
            Key = key p
            Property = p
            Parameter = parameter
            Checks =
                Seq.append (p.GetCustomAttributes<ValidationAttribute>()) ofParameter
                |> Seq.toArray
            IsPath = has<RecipePathAttribute> p parameter
            IsOneOrMany = has<OneOrManyAttribute> p parameter
        }

    let private isSettable t (p: PropertyInfo) =
        not (isNull p.SetMethod)
        && (p.SetMethod.IsPublic
            || flags t &&& BindingFlags.NonPublic <> BindingFlags.Default)

    let private parameters (properties: PropertyInfo[]) (c: ConstructorInfo) =
        let property (p: ParameterInfo) =
            properties
            |> Array.tryFind (fun q -> String.Equals(q.Name, p.Name, StringComparison.OrdinalIgnoreCase))

        let matched = c.GetParameters() |> Array.map (fun p -> p, property p)

        if matched |> Array.forall (snd >> Option.isSome) then
            Some matched
        else
            None

    let private build (t: Type) : OptionsShape option =
        let properties = properties t
        let settable = properties |> Array.filter (isSettable t)

        if t.IsValueType || not (isNull (t.GetConstructor Type.EmptyTypes)) then
            let members = Array.map (memberOf null) settable

            Some
                {
                    Type = t
                    Members = members
                    Constructor = null
                }
        else
            t.GetConstructors(flags t)
            |> Array.sortByDescending (fun c -> c.GetParameters().Length)
            |> Array.tryPick (fun c -> parameters properties c |> Option.map (fun m -> c, m))
            |> Option.map (fun (c, matched) ->
                let given = matched |> Array.map (fun (p, q) -> memberOf p q.Value)
                let isGiven (p: PropertyInfo) = given |> Array.exists (fun m -> m.Property.Name = p.Name)
                let rest = settable |> Array.filter (isGiven >> not) |> Array.map (memberOf null)

                {
                    Type = t
                    Members = Array.append given rest
                    Constructor = c
                })

    /// Shapes of types that never go, the core's own above all. Those of plugins can go and are never kept.
    let private lasting = ConcurrentDictionary<Type, OptionsShape option>()

    /// The shape of a class, record or struct; nothing where there is no way to make one.
    let tryOf (t: Type) : OptionsShape option =
        if t.IsCollectible then
            build t
        else
            lasting.GetOrAdd(t, build)

    /// The key whose value may stand for the whole; null where there is none.
    let shortForm (t: Type) : string =
        match t.GetCustomAttribute<ShortFormAttribute>() with
        | null -> null
        | found -> found.Key

    /// The values that hold where JSON gives none: a new instance, or for types without a parameterless constructor
    /// their static property Default; null where there is neither.
    let defaults (shape: OptionsShape) : obj =
        if isNull shape.Constructor then
            Activator.CreateInstance shape.Type
        else
            let statics = BindingFlags.Static ||| BindingFlags.Public ||| BindingFlags.NonPublic

            match shape.Type.GetProperty("Default", statics) with
            | null -> null
            | p when p.PropertyType = shape.Type -> p.GetValue null
            | _ -> null

    /// An instance with these values, in the order of the members.
    let make (shape: OptionsShape) (values: obj[]) : obj =
        let set (instance: obj) =
            Array.iter2
                (fun m value ->
                    if isNull m.Parameter then
                        m.Property.SetValue(instance, value))
                shape.Members
                values

            instance

        if isNull shape.Constructor then
            set (Activator.CreateInstance shape.Type)
        else
            let given =
                Array.zip shape.Members values
                |> Array.filter (fun (m, _) -> not (isNull m.Parameter))
                |> Array.map snd

            set (shape.Constructor.Invoke given)

    /// Null is a value where the author said so, or, where nobody said anything, where it is the default.
    let mayBeNull (nullability: NullabilityInfoContext) (m: OptionMember) (fallback: obj) =
        if m.Type.IsValueType then
            not (isNull (Nullable.GetUnderlyingType m.Type))
        else
            match nullability.Create(m.Property).WriteState with
            | NullabilityState.Nullable -> true
            | NullabilityState.NotNull -> false
            | _ -> isNull fallback
