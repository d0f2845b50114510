using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>The pickle of PyTorch files, attacked by name.</summary>
public class PickleAttackTests
{
    private static KdException Refused(ErrorCode code, params byte[][] value) => RefusedPickle(code, P.Pickle(value));

    private static KdException RefusedPickle(ErrorCode code, byte[] pickle) =>
        Fails.With(code, () => PyTorchFile.Parse(Zip.Checkpoint(pickle, new byte[16]).Build()).Dispose());

    private static PyTorchFile Accepted(params byte[][] value) =>
        PyTorchFile.Parse(Zip.Checkpoint(P.Pickle(value), new byte[16]).Build());

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("nt", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("builtins", "exec")]
    [InlineData("builtins", "getattr")]
    [InlineData("__builtin__", "eval")]
    [InlineData("subprocess", "Popen")]
    [InlineData("runpy", "_run_code")]
    [InlineData("torch", "load")]
    [InlineData("torch.hub", "load")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("torch.jit", "load")]
    [InlineData("numpy.core.multiarray", "_reconstruct")]
    [InlineData("collections.OrderedDict", "__class__")]
    [InlineData("collections", "OrderedDict.fromkeys")]
    [InlineData("System.Diagnostics", "Process")]
    [InlineData("", "")]
    public void A_call_of_anything_outside_the_table(string module, string name)
    {
        byte[] call = [.. P.Global(module, name), .. P.Tuple(P.Text("echo pwned")), (byte)'R'];
        KdException failure = Refused(WeightErrors.PickleGlobal, P.Dict(("w", P.Floats("0", 4)), ("x", call)));
        Assert.Contains($"'{module}.{name}'", failure.Message);
    }

    [Theory]
    [InlineData("attack.pth")]
    [InlineData("attack_legacy.pth")]
    public void A_checkpoint_that_Python_would_execute_is_refused_by_name_and_executes_nothing(string file)
    {
        KdException failure = Fails.With(WeightErrors.PickleGlobal, () => PyTorchFile.Open(Fixture.Path(file)));
        Assert.Contains("'posix.system'", failure.Message);
        Assert.False(File.Exists("executed"));
    }

    [Fact]
    public void A_whole_pickled_module_is_refused_by_the_name_of_its_class()
    {
        KdException failure = Fails.With(
            WeightErrors.PickleGlobal,
            () => PyTorchFile.Open(Fixture.Path("whole_module.pth"))
        );
        Assert.Contains("'torch.nn.modules.linear.Linear'", failure.Message);
        Assert.Contains("state_dict()", failure.Message);
    }

    [Theory]
    [InlineData("(ios\nsystem\n")] // INST
    [InlineData("(cos\nsystem\no")] // OBJ behind a refused global
    [InlineData("Pos\n")] // PERSID
    [InlineData("0")] // POP
    [InlineData("2")] // DUP
    [InlineData("I1\n")]
    [InlineData("S'x'\n")]
    [InlineData("Vx\n")]
    [InlineData("\u0082\u0001")] // EXT1
    [InlineData("\u0083\u0001\u0001")] // EXT2
    [InlineData("\u0084\u0001\u0001\u0001\u0001")] // EXT4
    [InlineData("\u0081")] // NEWOBJ
    [InlineData("\u0092")] // NEWOBJ_EX
    [InlineData("\u0093")] // STACK_GLOBAL
    [InlineData("\u0094")] // MEMOIZE
    [InlineData("\u008c\u0001x")] // SHORT_BINUNICODE
    [InlineData("\u008e\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000x")] // BINBYTES8
    [InlineData("\u008f")] // EMPTY_SET
    [InlineData("\u0097")] // NEXT_BUFFER
    [InlineData("\u00ff")]
    public void An_operation_that_tensors_do_not_need(string operation)
    {
        ErrorCode code = operation.Contains("(c") ? WeightErrors.PickleGlobal : WeightErrors.PickleOpcode;
        Refused(code, P.EmptyDict, P.Raw(operation));
    }

    [Fact]
    public void Every_operation_outside_the_table_is_refused()
    {
        byte[] known = [.. "(.GJKMNQRUX]abcehjqrstu})"u8, 0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a];
        foreach (int opcode in Enumerable.Range(0, 256).Where(o => o != 0x80 && !known.Contains((byte)o)))
        {
            Refused(WeightErrors.PickleOpcode, P.EmptyDict, [(byte)opcode]);
        }
    }

    [Fact]
    public void A_protocol_in_the_middle() => Refused(WeightErrors.PickleOpcode, P.EmptyDict, [0x80, 2]);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(255)]
    public void Another_protocol(byte protocol) =>
        RefusedPickle(WeightErrors.PickleOpcode, [0x80, protocol, (byte)'}', (byte)'.']);

    [Fact]
    public void A_state_set_on_anything_but_an_ordered_dictionary()
    {
        Refused(WeightErrors.PickleOpcode, P.EmptyDict, P.EmptyDict, "b"u8.ToArray());
        Refused(WeightErrors.PickleOpcode, P.Floats("0", 4), P.EmptyDict, "b"u8.ToArray());
        Refused(WeightErrors.PickleOpcode, P.Global("torch", "FloatStorage"), P.EmptyDict, "b"u8.ToArray());
    }

    [Fact]
    public void Attributes_of_an_ordered_dictionary_are_ignored()
    {
        using var file = Accepted(
            P.OrderedDict,
            P.Text("w"),
            P.Floats("0", 4),
            "s"u8.ToArray(),
            P.Dict(("_metadata", P.EmptyDict)),
            "b"u8.ToArray()
        );
        Assert.Equal(["w"], file.Entries.Keys);
    }

    [Fact]
    public void An_ordered_dictionary_of_Python_2_is_read()
    {
        byte[] dict =
        [
            .. P.Global("collections", "OrderedDict"),
            .. P.Tuple(P.List(P.List([(byte)'U', 1, (byte)'w'], P.Floats("0", 4)))),
            (byte)'R',
        ];
        using var file = Accepted(dict);
        Assert.Equal(["w"], file.Entries.Keys);
        Refused(
            WeightErrors.PickleInvalid,
            [.. P.Global("collections", "OrderedDict"), .. P.Tuple(P.List(P.None)), (byte)'R']
        );
        Refused(WeightErrors.PickleInvalid, [.. P.Global("collections", "OrderedDict"), .. P.Tuple(P.None), (byte)'R']);
    }

    [Fact]
    public void Calls_of_what_is_no_function()
    {
        Refused(WeightErrors.PickleInvalid, P.Text("os.system"), P.Tuple(), "R"u8.ToArray());
        Refused(WeightErrors.PickleInvalid, P.Global("collections", "OrderedDict"), P.None, "R"u8.ToArray());
        Refused(WeightErrors.PickleGlobal, P.Global("torch", "FloatStorage"), P.Tuple(), "R"u8.ToArray());
        Refused(
            WeightErrors.PickleInvalid,
            P.Global("torch._utils", "_rebuild_parameter"),
            P.Tuple(P.None, P.None, P.None),
            "R"u8.ToArray()
        );
        Refused(
            WeightErrors.PickleInvalid,
            P.Global("torch._utils", "_rebuild_tensor_v2"),
            P.Tuple(P.None),
            "R"u8.ToArray()
        );
    }

    [Fact]
    public void A_parameter_is_read_as_its_tensor()
    {
        byte[] parameter =
        [
            .. P.Global("torch._utils", "_rebuild_parameter"),
            .. P.Tuple(P.Floats("0", 4), P.False, P.OrderedDict),
            (byte)'R',
        ];
        using var file = Accepted(P.Dict(("w", parameter)));
        Assert.Equal(16, file.Bytes("w").Length);
    }

    [Theory]
    [InlineData("")] // nothing to end with
    [InlineData("\u0085")] // a tuple of nothing
    [InlineData("K\u0001\u0086")]
    [InlineData("t")] // no mark
    [InlineData("u")]
    [InlineData("e")]
    [InlineData("q\0")] // nothing to remember
    [InlineData("h\0")] // never remembered
    [InlineData("j\0\0\0\0")]
    [InlineData("R")]
    [InlineData("Q")]
    [InlineData("b")]
    [InlineData("}(K\u0001u")] // a key without a value
    [InlineData("}K\u0001s")]
    [InlineData("](K\u0001s")]
    [InlineData("N(K\u0001e")] // appending to nothing
    [InlineData("NK\u0001a")]
    [InlineData("NK\u0001K\u0001s")]
    [InlineData("}(")] // an open mark
    [InlineData("}}")] // two results
    [InlineData("}q\u0001")] // a gap in the memory
    [InlineData("}r\u0001\0\0\0")]
    [InlineData("}(])K\u0001u")] // an unhashable key
    [InlineData("}(NK\u0001u")]
    [InlineData("}(K\u0001NK\u0001Nu")] // a key twice
    [InlineData("X\u0002\0\0\0\u00ff\u00ff")] // not UTF-8
    public void A_pickle_that_contradicts_itself(string pickle) => Refused(WeightErrors.PickleInvalid, P.Raw(pickle));

    [Fact]
    public void A_pickle_that_is_cut_or_goes_on()
    {
        byte[] pickle = P.Pickle(
            P.Dict(("w", P.Floats("0", 4)), ("n", P.Int(1L << 40)), ("g", [(byte)'G', .. new byte[8]]))
        );
        for (int length = 0; length < pickle.Length; length++)
        {
            RefusedPickle(WeightErrors.PickleInvalid, pickle[..length]);
        }
        RefusedPickle(WeightErrors.PickleInvalid, [.. pickle, (byte)'N']);
        RefusedPickle(WeightErrors.PickleInvalid, P.Raw("(dp0\n.")); // protocol 0 has no header
    }

    [Fact]
    public void A_global_name_without_end() =>
        Refused(WeightErrors.PickleInvalid, P.Raw("c" + new string('a', 300) + "\nb\n"));

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    [InlineData((1 << 20) + 1)]
    public void A_string_longer_than_the_limit(int length) =>
        Refused(WeightErrors.PickleLimit, [(byte)'X', .. P.Little(length), .. new byte[16]]);

    [Fact]
    public void An_integer_longer_than_the_limit() => Refused(WeightErrors.PickleLimit, [0x8a, 17, .. new byte[17]]);

    [Fact]
    public void A_memo_number_above_the_limit() =>
        Refused(WeightErrors.PickleLimit, P.EmptyDict, [(byte)'r', .. P.Little(-1)]);

    [Fact]
    public void More_open_marks_than_the_limit() => Refused(WeightErrors.PickleLimit, P.Raw(new string('(', 1000)));

    [Fact]
    public void A_stack_higher_than_the_limit() => Refused(WeightErrors.PickleLimit, P.Raw(new string('N', 200_000)));

    [Theory]
    [InlineData("\u0085")] // tuples in tuples
    [InlineData("]")] // lists, then appended into each other
    public void Nesting_deeper_than_the_limit(string operation)
    {
        byte[] nested =
            operation == "]"
                ? P.Raw(new string(']', 1000) + new string('a', 999))
                : P.Raw(")" + string.Concat(Enumerable.Repeat(operation, 1000)));
        Refused(WeightErrors.PickleLimit, P.Dict(("w", P.Floats("0", 4)), ("x", nested)));
    }

    [Fact]
    public void A_list_that_holds_itself() =>
        Refused(WeightErrors.PickleLimit, P.Dict(("w", P.Floats("0", 4)), ("x", P.Raw("]q\0h\0a"))));

    [Fact]
    public void A_dictionary_that_holds_itself() => Refused(WeightErrors.PickleLimit, P.Raw("}q\0X\u0001\0\0\0xh\0s"));

    [Fact]
    public void A_billion_references_to_few_objects()
    {
        // Each list holds the one before it ten times: ten to the thirtieth leaves.
        string bomb =
            "]q\0"
            + string.Concat(
                Enumerable
                    .Range(0, 30)
                    .Select(i => $"](" + string.Concat(Enumerable.Repeat($"h{(char)i}", 10)) + $"eq{(char)(i + 1)}")
            );
        byte[] lists = P.Join(P.Raw("("), P.Raw(bomb), P.Raw("t"));
        Refused(WeightErrors.PickleLimit, P.Dict(("x", lists), ("w", P.Floats("0", 4))));
    }

    [Fact]
    public void Names_that_multiply_by_nesting()
    {
        // One long key, used at every depth, over many leaves.
        byte[] inner = P.Join(
            P.Raw("}("),
            P.Join(Enumerable.Range(0, 250).Select(i => P.Join(P.Int(i), P.None))),
            P.Raw("u")
        );
        byte[] key = P.Join(P.Text(new string('k', 10_000)), P.Raw("q\0"));
        byte[] nested = inner;
        for (int depth = 0; depth < 50; depth++)
        {
            nested = P.Join(P.Raw("}"), depth == 49 ? key : P.Raw("h\0"), nested, P.Raw("s"));
        }
        Refused(WeightErrors.PickleLimit, P.Dict(("x", nested), ("w", P.Floats("0", 4))));
    }

    /// <summary>Each byte sequence asks for the most memory that its operations can.</summary>
    [Theory]
    [InlineData("]", "}K\u0001Nsa")] // dictionaries with an item, appended to a list
    [InlineData("]", "]K\u0001aa")] // lists with an item
    [InlineData(")", "\u0085")] // tuples in tuples
    [InlineData("](", "N")] // many objects at once
    [InlineData("](", "}")]
    [InlineData("]", "J\u0001\u0001\u0001\u0001a")] // boxed integers
    [InlineData("]", "X\u0001\0\0\0xa")] // strings
    [InlineData("]ccollections\nOrderedDict\nq\0", "h\0)R")] // ordered dictionaries
    [InlineData("]ctorch\nFloatStorage\n", "q\0")]
    public void Objects_that_take_far_more_than_their_bytes(string head, string body)
    {
        byte[] file = Zip.Checkpoint(
                P.Pickle(P.Raw(head), P.Raw(string.Concat(Enumerable.Repeat(body, 1_000_000 / body.Length)))),
                []
            )
            .Build();
        Bounded(file);
    }

    [Fact]
    public void Tensors_and_values_by_reference_that_take_far_more_than_their_bytes()
    {
        byte[] empty = P.Tensor(
            P.Storage("FloatStorage", "0", 4),
            0,
            [.. Enumerable.Repeat(0L, 64)],
            [.. Enumerable.Repeat(0L, 64)]
        );
        byte[] head = P.Join(P.Raw("]"), empty, P.Raw("q\0a]q\u0001a"));
        foreach (string body in (string[])["h\0a", "h\u0001a"])
        {
            byte[] many = P.Raw(string.Concat(Enumerable.Repeat(body, 300_000)));
            Bounded(Zip.Checkpoint(P.Pickle(head, many), new byte[16]).Build());
        }
        // The arguments of one tensor, called again and again.
        byte[] arguments = empty[P.Global("torch._utils", "_rebuild_tensor_v2").Length..^1];
        byte[] call = P.Join(
            P.Global("torch._utils", "_rebuild_tensor_v2"),
            P.Raw("q\0"),
            arguments,
            P.Raw("q\u0001R")
        );
        byte[] calls = P.Raw(string.Concat(Enumerable.Repeat("h\0h\u0001Ra", 150_000)));
        Bounded(Zip.Checkpoint(P.Pickle(P.Raw("]"), call, P.Raw("a"), calls), new byte[16]).Build());
    }

    [Fact]
    public void A_long_list_looked_at_again_and_again()
    {
        byte[] list = P.Join(P.Raw("]q\0("), P.Raw(new string('N', 100_000)), P.Raw("e"));
        byte[] many = P.Join(P.Raw("]("), P.Raw(string.Concat(Enumerable.Repeat("h\0", 60_000))), P.Raw("e"));
        Refused(WeightErrors.PickleLimit, P.Dict(("w", P.Floats("0", 4)), ("l", list), ("x", many)));
    }

    /// <summary>Opening takes at most some 32 times the file, and so do the plain values when asked for.</summary>
    private static void Bounded(byte[] file)
    {
        PyTorchFile? opened = null;
        bool refused = Measure(() => opened = PyTorchFile.Parse(file)) || Measure(() => _ = opened!.Values);
        Assert.True(refused);

        bool Measure(Action action)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            var failure = Record.Exception(action);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(
                allocated <= 40L * file.Length,
                $"{allocated} bytes for {file.Length}, opened {opened is not null}, {failure?.Message}"
            );
            Assert.True(failure is null or KdException, $"{failure}");
            return failure is not null;
        }
    }

    [Fact]
    public void A_pickle_longer_than_the_limit() => RefusedPickle(WeightErrors.PickleLimit, new byte[(64 << 20) + 1]);

    [Fact]
    public void Names_that_collide_when_joined()
    {
        byte[] tensors = P.Dict(("a", P.Dict(("b", P.Floats("0", 4)))), ("a.b", P.Floats("0", 4)));
        Refused(WeightErrors.NotAStateDict, tensors);
    }

    [Fact]
    public void A_file_without_tensors()
    {
        Refused(WeightErrors.NotAStateDict, P.EmptyDict);
        Refused(WeightErrors.NotAStateDict, P.None);
        Refused(WeightErrors.NotAStateDict, P.Dict(("epoch", P.Int(3))));
        Refused(WeightErrors.NotAStateDict, P.Dict(("w", P.Floats("0", 4)), ("s", P.Storage("FloatStorage", "0", 4))));
        Refused(WeightErrors.NotAStateDict, P.Dict(("w", P.Floats("0", 4)), ("s", P.Global("torch", "FloatStorage"))));
    }

    [Fact]
    public void A_root_that_is_not_there_is_answered_with_those_that_are()
    {
        byte[] file = Zip.Checkpoint(P.Pickle(P.Dict(("ema", P.Dict(("w", P.Floats("0", 4)))))), new byte[16]).Build();
        KdException failure = Fails.With(
            WeightErrors.RootNotFound,
            () => PyTorchFile.Parse(file, options: new() { Root = "model" })
        );
        Assert.Contains("'ema'", failure.Message);
        using var found = PyTorchFile.Parse(file, options: new() { Root = "ema" });
        Assert.Equal(["w"], found.Entries.Keys);
    }
}
