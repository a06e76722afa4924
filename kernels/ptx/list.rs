// Written by `cargo xtask kernels ptx`: each unit, the fingerprint of its text, its PTX.
&[
    Ptx {
        unit: "directions of [momentum<0>]",
        fingerprint: "1d93cd9bd095d169a01bff9a2b7a1db01e9d2838801358c3ea38316a7b999ce8",
        text: include_str!("directions-of-momentum-0.ptx"),
    },
    Ptx {
        unit: "directions of [weight_decay]",
        fingerprint: "37163ce4d2fde8c068a5873b07b8902e1f0b0e962e46ede83f0220fefe982976",
        text: include_str!("directions-of-weight_decay.ptx"),
    },
    Ptx {
        unit: "measure adai",
        fingerprint: "1d10df6ba52f0e9d8548c4279181f694596c184ede907f1f19b55c217fcbb178",
        text: include_str!("measure-adai.ptx"),
    },
    Ptx {
        unit: "measure swats",
        fingerprint: "ba9b5476ca5a8fc440c38cbb7c430223f5df06cf4d2ea9cba697577b46846724",
        text: include_str!("measure-swats.ptx"),
    },
    Ptx {
        unit: "ops/clip_norm.cu",
        fingerprint: "6d77dfb246e983a29243b4626fa35d0de273715475ffb9430fdd15a136f48a35",
        text: include_str!("ops-clip_norm.ptx"),
    },
    Ptx {
        unit: "ops/fill.cu",
        fingerprint: "177374684bc5d25378b7a1a6a2dc228ec4331513c543547a4b9557ae60a628db",
        text: include_str!("ops-fill.ptx"),
    },
    Ptx {
        unit: "step of []",
        fingerprint: "473de29b392453bf3a5053f3f226238fa78d68255815871414070df1cd749065",
        text: include_str!("step-of.ptx"),
    },
    Ptx {
        unit: "step of [adabelief]",
        fingerprint: "152ba4a91fbc6b81b6e367695c6e7885e377ebaed9c7292ba4969a0863e82fc1",
        text: include_str!("step-of-adabelief.ptx"),
    },
    Ptx {
        unit: "step of [adabound<0>]",
        fingerprint: "0cb5df3d4f63631afdd71981114544cada3e3db7bf1edceaa11137a94b832d6c",
        text: include_str!("step-of-adabound-0.ptx"),
    },
    Ptx {
        unit: "step of [adabound<1>]",
        fingerprint: "1824a21405baba397f6c2ce7324072f8fa6e8a8c19426124ae631ae2fabd14f2",
        text: include_str!("step-of-adabound-1.ptx"),
    },
    Ptx {
        unit: "step of [adai]",
        fingerprint: "a95bf081af16b3e67fd42301ac900c8c7f09fcf8c2dd6c733e46b8b110945438",
        text: include_str!("step-of-adai.ptx"),
    },
    Ptx {
        unit: "step of [adam<0>, decoupled_weight_decay]",
        fingerprint: "d1e329c22a4e5d8b24159a05f58085a782ac948a09febdabac13d6ca26ee2b26",
        text: include_str!("step-of-adam-0-decoupled_weight_decay.ptx"),
    },
    Ptx {
        unit: "step of [adam<0>, decoupled_weight_decay], bf16",
        fingerprint: "d229af506858746121d0ff7e5c62a98e378652f3e6363a4a14152d1bf929cdd0",
        text: include_str!("step-of-adam-0-decoupled_weight_decay-bf16.ptx"),
    },
    Ptx {
        unit: "step of [adam<0>, tanh]",
        fingerprint: "fce048072c3c292be63e3d7381b095a43a714702b842ca5ba6bf81abc9c9fa8f",
        text: include_str!("step-of-adam-0-tanh.ptx"),
    },
    Ptx {
        unit: "step of [adam<0>]",
        fingerprint: "a76044b94f8a6db2502546180c1af87f697a63389935620d8b5da10661a70fe8",
        text: include_str!("step-of-adam-0.ptx"),
    },
    Ptx {
        unit: "step of [adam<1>]",
        fingerprint: "8b1423967e46b4fdbb678620c70c3b8e53f60a15744573d6d582fe800c1f156f",
        text: include_str!("step-of-adam-1.ptx"),
    },
    Ptx {
        unit: "step of [atan, adam<0>]",
        fingerprint: "7696b250a79ad659d14942758ef9f4475739140b402348898986c1966aeb80c0",
        text: include_str!("step-of-atan-adam-0.ptx"),
    },
    Ptx {
        unit: "step of [atan, weight_decay, miadam<1, 0>]",
        fingerprint: "c7d3837ba57ecea17bda7d64648972c8903b00f61c1cb3f5d73cff489bb9065e",
        text: include_str!("step-of-atan-weight_decay-miadam-1-0.ptx"),
    },
    Ptx {
        unit: "step of [atan, weight_decay, momentum<0>]",
        fingerprint: "600e9fdc01d30e66b83c43aa5b7addafa8610b0ce485979054e3b9114993e953",
        text: include_str!("step-of-atan-weight_decay-momentum-0.ptx"),
    },
    Ptx {
        unit: "step of [clip_value, adam<0>]",
        fingerprint: "cd5b821bd57347edeecdcae5abe3ea58ebcf61da103acb88c4d28fcdcaf6b456",
        text: include_str!("step-of-clip_value-adam-0.ptx"),
    },
    Ptx {
        unit: "step of [log, adam<0>]",
        fingerprint: "71faa9305e171bbe1aa746556c062be3c27e58542921affcbe3af25c40be1352",
        text: include_str!("step-of-log-adam-0.ptx"),
    },
    Ptx {
        unit: "step of [miadam<1, 0>]",
        fingerprint: "2a78f8a51f551cc6be1e1a01abd9fe28a353417c62a0013a28db27d6df88c769",
        text: include_str!("step-of-miadam-1-0.ptx"),
    },
    Ptx {
        unit: "step of [miadam<2, 0>]",
        fingerprint: "dd30aecef33598078f47aace0aef05b6ab55f7be4c32f3741b01635a9b6f4c62",
        text: include_str!("step-of-miadam-2-0.ptx"),
    },
    Ptx {
        unit: "step of [miadam<3, 1>]",
        fingerprint: "86bb4dd525547b59cc36faf04a1bcb1925d30667a42a4c68c740d787ba564ea9",
        text: include_str!("step-of-miadam-3-1.ptx"),
    },
    Ptx {
        unit: "step of [momentum<0>, decoupled_weight_decay]",
        fingerprint: "33f6fc8590807fa592f823d88f6e0efbab9cbf333afa643f6d599b930c2b914c",
        text: include_str!("step-of-momentum-0-decoupled_weight_decay.ptx"),
    },
    Ptx {
        unit: "step of [momentum<0>]",
        fingerprint: "e3a8b213acfd935de60936d2d4af9141d16ce850beeb15305e3e454a584538d4",
        text: include_str!("step-of-momentum-0.ptx"),
    },
    Ptx {
        unit: "step of [momentum<0>], bf16",
        fingerprint: "e46bb9d7767045f93d738c822beaec41efe9001b688d2738212e38c36540aa95",
        text: include_str!("step-of-momentum-0-bf16.ptx"),
    },
    Ptx {
        unit: "step of [nadam]",
        fingerprint: "d85378b4957ad67f17ca8f8a691dfecfbd859153e4650fbf1827cfc2c1f8c842",
        text: include_str!("step-of-nadam.ptx"),
    },
    Ptx {
        unit: "step of [radam]",
        fingerprint: "13edd44fbac0e3c1e6eeb8fbd96061b82386cc3e1fb477ad2e90ef1b904b74cb",
        text: include_str!("step-of-radam.ptx"),
    },
    Ptx {
        unit: "step of [rmsprop<0>]",
        fingerprint: "a1128d4143995dfce2b8b06e0afc99cc753b38c1738de3e6d54b0259bc4e189e",
        text: include_str!("step-of-rmsprop-0.ptx"),
    },
    Ptx {
        unit: "step of [rmsprop<1>, momentum<0>]",
        fingerprint: "4d885b2fb71a8dbe6b03ef556be834f4ba9335ad1b0a5e037e27f4d5cba6ccc4",
        text: include_str!("step-of-rmsprop-1-momentum-0.ptx"),
    },
    Ptx {
        unit: "step of [swats]",
        fingerprint: "30980ea3ae190785b2301a4368cb3838d084c49c9bc7864472cdc7a5d0ba1d02",
        text: include_str!("step-of-swats.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, adam<0>]",
        fingerprint: "f151ffc152ffc861e24621a66d0d598128426a4364e1cc67f526afef83bd227a",
        text: include_str!("step-of-weight_decay-adam-0.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, adam<1>]",
        fingerprint: "027feb47a9997651a07240aef782a8972cf89f76d6fffcb8c0ee9f4b02fee0c6",
        text: include_str!("step-of-weight_decay-adam-1.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, miadam<1, 0>]",
        fingerprint: "b0a967e3900cdcc11cb890f14ed54f440fc3ada72fcd88a9c540eb3d598d487f",
        text: include_str!("step-of-weight_decay-miadam-1-0.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, miadam<2, 0>]",
        fingerprint: "4ed12f6b63d27e745cb0420145519185b4f3e5b30bdd6b86ad68610723d11c2e",
        text: include_str!("step-of-weight_decay-miadam-2-0.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, miadam<3, 0>]",
        fingerprint: "b9855919bbbd2edd21272f225d4eb5e4c8b41804f46b802419532e5222d6efe0",
        text: include_str!("step-of-weight_decay-miadam-3-0.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, momentum<0>, atan]",
        fingerprint: "d1a46f7ebf036343523038e1c82e322fb30b5ade611a3a3e4d25f3f275118e91",
        text: include_str!("step-of-weight_decay-momentum-0-atan.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, momentum<0>]",
        fingerprint: "faa3c69a1db73ae72aaa3ef5606fb4e599cf26c6b0a9b158afcbd56cfd26587c",
        text: include_str!("step-of-weight_decay-momentum-0.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay, momentum<1>]",
        fingerprint: "2b6e3feb631c2089b3e54e451eaacc1ed7c46c638ea18b1a2a9c781fd9c82502",
        text: include_str!("step-of-weight_decay-momentum-1.ptx"),
    },
    Ptx {
        unit: "step of [weight_decay]",
        fingerprint: "a675e00966301ec5157da8a1fad2bffaa2cd0b89ff4722829e5f37310c2a016e",
        text: include_str!("step-of-weight_decay.ptx"),
    },
    Ptx {
        unit: "transform adaptive_atan",
        fingerprint: "161985b367b231e0e245f9d602fd1da2bfc9a96410100433f91f9618213f2bb3",
        text: include_str!("transform-adaptive_atan.ptx"),
    },
    Ptx {
        unit: "transform channel_directed_h0",
        fingerprint: "43735d87a3b510ceb90d5f663aef64bc1010e5367e1d58173ced8e7c2e7dc932",
        text: include_str!("transform-channel_directed_h0.ptx"),
    },
    Ptx {
        unit: "transform channel_directed_h1<0>",
        fingerprint: "f3880e3e0b57cd5798dca9f371161cd641b2c50e125c7e21968f519ac4c62043",
        text: include_str!("transform-channel_directed_h1-0.ptx"),
    },
    Ptx {
        unit: "transform channel_directed_h1<1>",
        fingerprint: "7d4614d933cb992509432c53b86e31bc43ea215ec00addc36bf0e461f5d102fd",
        text: include_str!("transform-channel_directed_h1-1.ptx"),
    },
    Ptx {
        unit: "transform channel_directed_sobolev<0>",
        fingerprint: "da31d33a5adec967210c6ba58d83cb04cbececcbd9ff51b9c30c1bb5e3019e48",
        text: include_str!("transform-channel_directed_sobolev-0.ptx"),
    },
    Ptx {
        unit: "transform channel_directed_sobolev<1>",
        fingerprint: "8ef9ad4d75aac2c5f4ad2ba1c0b09c75c65c421c717ce1523d62c5f5638a2807",
        text: include_str!("transform-channel_directed_sobolev-1.ptx"),
    },
]
