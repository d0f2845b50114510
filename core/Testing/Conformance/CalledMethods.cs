using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace KdPlugins.Testing;

/// <summary>
/// What a class calls, read from its compiled code, whatever language that was written in: its own methods, those of its
/// assembly that they call, and the functions within.
/// </summary>
internal sealed class CalledMethods
{
    private const BindingFlags Declared =
        BindingFlags.Public
        | BindingFlags.NonPublic
        | BindingFlags.Instance
        | BindingFlags.Static
        | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<int, OpCode> Codes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!)
        .ToDictionary(c => (int)(ushort)c.Value);

    private readonly Assembly _assembly;
    private readonly HashSet<MethodBase> _seen = [];
    private readonly HashSet<Type> _types = [];
    private readonly Queue<MethodBase> _open = [];
    private readonly List<(MethodBase Called, MethodBase From)> _calls = [];

    private CalledMethods(Type type)
    {
        _assembly = type.Assembly;
        for (var at = type; at is not null && at.Assembly == _assembly; at = at.BaseType)
            Whole(at);
        while (_open.TryDequeue(out var method))
            Read(method);
    }

    /// <summary>The calls that leave the assembly, each with the method that it stands in.</summary>
    internal static IReadOnlyList<(MethodBase Called, MethodBase From)> Of(Type type) => new CalledMethods(type)._calls;

    private void Whole(Type type)
    {
        if (type.IsGenericType)
            type = type.GetGenericTypeDefinition();
        if (!_types.Add(type))
            return;
        foreach (var method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)))
            Visit(method);
        if (type.TypeInitializer is { } initializer)
            Visit(initializer);
    }

    private void Visit(MethodBase method)
    {
        if (_seen.Add(method))
            _open.Enqueue(method);
    }

    private void Read(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code)
            return;
        for (var at = 0; at < code.Length; )
        {
            int value = code[at++];
            if (value == 0xFE)
                value = (value << 8) | code[at++];
            var operand = Codes[value].OperandType;
            if (operand is OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineField)
                Follow(method, BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)));
            at += Size(operand, code, at);
        }
    }

    private static int Size(OperandType operand, byte[] code, int at) =>
        operand switch
        {
            OperandType.InlineNone => 0,
            OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
            OperandType.InlineVar => 2,
            OperandType.InlineI8 or OperandType.InlineR => 8,
            OperandType.InlineSwitch => 4 + 4 * BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)),
            _ => 4,
        };

    private void Follow(MethodBase from, int token)
    {
        var member = Resolved(from, token);
        // The one instance of a function without variables, in a field of its own class.
        if (member is FieldInfo { IsStatic: true } field && field.FieldType == field.DeclaringType && IsFunction(field))
            Whole(field.FieldType);
        if (member is not MethodBase called)
            return;
        // The state machine of an async function, and the like.
        foreach (var argument in called.IsGenericMethod ? called.GetGenericArguments() : [])
            if (argument.Assembly == _assembly && !argument.IsGenericParameter)
                Whole(argument);
        if (called.DeclaringType?.Assembly != _assembly)
            _calls.Add((called, from));
        // A function object does all its work in other methods than its constructor.
        else if (called.IsConstructor)
            Whole(called.DeclaringType);
        else
            Visit(called);
    }

    // C# has all functions of a class in one ("<>c"), and names each where it is used.
    private bool IsFunction(FieldInfo field) =>
        field.FieldType.Assembly == _assembly && !field.FieldType.Name.StartsWith("<>c", StringComparison.Ordinal);

    private static MemberInfo? Resolved(MethodBase from, int token)
    {
        var ofType = from.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var ofMethod = from.IsGenericMethod ? from.GetGenericArguments() : null;
        try
        {
            return from.Module.ResolveMember(token, ofType, ofMethod);
        }
        // A member of an assembly that is not here; the loader tells of those.
        catch (Exception e) when (e is IOException or TypeLoadException or MissingMemberException or ArgumentException)
        {
            return null;
        }
    }
}
